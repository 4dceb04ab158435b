/* play.c: see play.h. */
#include "tests/promises/play.h"

#include "cove/error.h"

/* What a user may write: the version, the field, and a value of its type. */
static const struct {
    int version;
    const char *field;
    const char *values[7];
} choices[] = {
    {1, "name", {"'Ada Byron'", "'Cher'", "'Mary Ann Lee'", "''"}},
    {1, "size", {"'120'", "'7'", "'-3'", "'007'", "'about 150'", "'0'"}},
    {1, "tags", {"'a,b'", "''", "'x'"}},
    {1, "section", {"'web'", "'net'", "''"}},
    {1, "done", {"true", "false"}},
    {1, "note", {"'n1'", "'n2'"}},
    {2, "first", {"'Grace'", "'Mary Ann'", "''"}},
    {2, "last", {"'Hopper'", "'van Rossum'", "''"}},
    {2, "size", {"0", "5", "-7", "130", "9223372036854775807"}},
    {2, "tags", {"['a']", "[]", "['a','b,c']", "['p','q']"}},
    {2, "category", {"'libs'", "'doc'"}},
    {2, "status", {"'done'", "'todo'", "'doing'"}},
    {2, "priority", {"'high'", "'low'", "''"}},
    {3, "bytes", {"1024", "2048", "1000", "0"}},
    {3, "kind", {"'k1'", "'k2'"}},
    {3, "label", {"'mine'", "''"}},
    {3, "first", {"'Barbara'", "'Jean'"}},
    {3, "status", {"'done'", "'doing'"}},
};

static const enum story_who writers[] = {ALICE, BOB, DAN};

const char *play_version(int version)
{
    static const char *const words[] = {"", "1", "2", "3"};

    return words[version];
}

void play_start(struct play *p, struct story *s, uint64_t seed)
{
    memset(p, 0, sizeof(*p));
    p->s = s;
    p->what = seed * 2 + 1;
    p->when = seed * 2 + 1;
    story_schema(s, ALICE, T1);
    p->published = 1;
    story_new(s, ALICE, 0, "1", "{'name':'Ada Byron','size':'120'}");
    p->written = 1u << 1;
    story_settle(s);
}

void play_publish(struct play *p)
{
    story_clock(p->s, ALICE, p->second);
    if (p->published == 1) {
        story_migration(p->s, ALICE, M12, T2);
        p->published = 2;
    } else if (p->published == 2) {
        story_migration(p->s, ALICE, M23, T3);
        p->published = 3;
    }
}

void play_publish_all(struct play *p)
{
    play_publish(p);
    play_publish(p);
    story_settle(p->s);
}

static void play_clocks(struct play *p)
{
    p->second++;
    for (int i = 0; i < STORY_PEERS; i++) {
        int64_t off = p->skew * ((int64_t)i - 1); /* bob is right */

        story_clock(p->s, (enum story_who)i, p->second + off);
    }
}

void play_write(struct play *p)
{
    enum story_who who = writers[story_dice(&p->what, 3)];
    size_t at = story_dice(&p->what, COVE_ARRAY_LEN(choices));
    bool deletes = story_dice(&p->what, 9) == 0;
    const char *version = play_version(choices[at].version);
    const char *field = choices[at].field;
    size_t count = 0;

    while (count < 7 && choices[at].values[count] != NULL) {
        count++;
    }

    const char *value =
        choices[at].values[story_dice(&p->what, (uint32_t)count)];

    play_clocks(p);

    int64_t second = p->second + p->skew * ((int64_t)who - 1);

    if (story_look(p->s, who, version, COVE_LOAD_VIEW).err != 0) {
        return; /* this device has not heard of the version */
    }
    if (deletes) {
        story_delete(p->s, who, second, version, field);
    } else {
        story_write(p->s, who, second, version,
                    cove_arena_printf(&p->s->arena, "{'%s':%s}", field, value));
    }
    p->written |= 1u << choices[at].version;
}

void play_between(struct play *p)
{
    enum story_who a = (enum story_who)story_dice(&p->when, STORY_PEERS);
    enum story_who b = (enum story_who)story_dice(&p->when, STORY_PEERS);
    int version = (int)story_dice(&p->when, PLAY_VERSIONS + 1);
    int err;

    play_clocks(p);
    switch (story_dice(&p->when, 6)) {
    case 0:
        story_give_doc(p->s, a, b, &p->s->doc);
        break;
    case 1:
        story_give_doc(p->s, a, b, &p->s->journal);
        break;
    case 2:
        story_give(p->s, a, b);
        break;
    case 3:
        story_sync(p->s, a, b);
        break;
    default:
        err = story_try_load(p->s, a, play_version(version));
        ck_assert(err == 0 || err == COVE_EBLOCKED);
    }
}

void play_events(struct play *p, int count)
{
    for (int i = 0; i < count; i++) {
        uint32_t dice = story_dice(&p->when, 10);

        if (dice == 0) {
            play_publish(p);
        } else if (dice < 5) {
            play_write(p);
        } else {
            play_between(p);
        }
    }
}

int play_rest(struct play *p)
{
    for (int round = 1;; round++) {
        uint32_t written = 0;

        play_clocks(p);
        story_settle(p->s);
        for (size_t i = 0; i < COVE_ARRAY_LEN(writers); i++) {
            written += story_load(p->s, writers[i], "");
        }
        if (written == 0) {
            return round;
        }
        ck_assert_int_lt(round, 10);
    }
}
