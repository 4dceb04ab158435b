/* credit.pml: do two that tell each other at the same time ever wait for ever?
 *
 * Haves, content and positions are paid for with credit and wait behind each
 * other; answers (know, ack, credit) are free and go first. Here: two sides that
 * each tell a few documents and take the other's, over wires with room for one
 * message, that may be cut at any time, at which a side may lose what it has not
 * committed. Checked: nobody waits for ever; at the end each holds all of the
 * other's and knows it; an acknowledgement is true whenever it is heard; nothing
 * that is paid for comes without credit; the queues stay as short as is said.
 *
 *   spin -a credit.pml, and see tests/model/check
 *
 * What stands for what; d is the direction, from side d to the other:
 *   told, stated, jobs     struct conn_give: sync/engine_tell.c, engine_give.c
 *   open                   give.haves_open
 *   credit, stopped        give_may_send
 *   asked, wants, mark,
 *   reached                struct conn_take: sync/engine_take.c
 *   due, spent             hear_charge, take_acknowledge
 *   held, taken            what is committed, what is in the turn's transaction
 *   control, content       the lanes of sync/channel.c
 *   wire                   a socket
 *
 * Planted, each of which must be found (spin -D…):
 *   KEPT          credit is never given back
 *   KEPT_LATE     credit is given back when more than all of it is used, not half
 *   PAID_ANSWERS  answers wait behind what is told, as if they were paid for
 *   NO_READ       a side with something to write does not read
 *   NO_RESUME     who stopped for a full queue does not go on
 *   ACK_EARLY     acknowledged before the commit
 *   SENT_IS_HELD  a position is reached when it is told
 *   HAVE_IS_TOLD  after a cut it goes on from what was told, not from what is held
 *   NO_CHARGE     the teller does not count what it spends
 */
#define DOCS   2
#define ALL    3 /* a bit for each */
#ifndef CUTS
#define CUTS   1
#endif
#define CREDIT 2 /* the first; a message costs 1, content 2: it may overdraw */
#define WINDOW 1 /* haves that are not settled: ENGINE_HAVES */
#define WANTS  1 /* asked for and not answered: ENGINE_WANTS */
#define STOP   2 /* messages queued: COVE_CHANNEL_QUEUE_STOP … */
#define RESUME 1 /* … and _RESUME: goes on at no more than that */
#define QUEUE  3
#define SETTLED 7 /* a know without a question: it is held */

mtype = {HAVE, CONTENT, POSITION, KNOW, ACK, MORE};

typedef lanes {
    chan control = [6] of {mtype, byte};
    chan content = [QUEUE] of {mtype, byte};
}
lanes out[2];
chan wire0 = [1] of {mtype, byte};
chan wire1 = [1] of {mtype, byte};

typedef giving {
    byte told, stated, jobs, open;
    short credit;
    bool stopped;
    byte acked; /* outlives a connection */
}
typedef taking {
    byte asked, wants, mark, reached;
    short credit;
    byte spent;
    byte acked;
    byte held, saved; /* documents, and the position: both of the store */
    byte taken;       /* in the open transaction */
    bool due;
}
giving give[2];
taking take[2];
byte cuts;

#define PAYS(m) (m == HAVE || m == CONTENT || m == POSITION)
#define COST(m) (m == CONTENT -> 2 : 1)
#define BIT(n)  (1 << (n))
#define UP_TO(n) (BIT(n) - 1) /* the documents before position n */

#ifdef NO_CHARGE
#define CHARGE(d, m) 0
#else
#define CHARGE(d, m) COST(m)
#endif
#ifdef KEPT
#define GIVES(d) false
#else
#ifdef KEPT_LATE
#define GIVES(d) (take[d].spent > CREDIT)
#else
#define GIVES(d) (take[d].spent * 2 >= CREDIT)
#endif
#endif
#ifdef PAID_ANSWERS
#define FREE(d) out[d].content
#else
#define FREE(d) out[d].control
#endif
#ifdef NO_READ
#define READS(d) (len(out[d].control) + len(out[d].content) == 0)
#else
#define READS(d) true
#endif

/* give_may_send */
inline look_queue(d)
{
#ifdef NO_RESUME
    give[d].stopped = give[d].stopped || len(out[d].content) >= STOP;
#else
    give[d].stopped = (give[d].stopped -> len(out[d].content) > RESUME
                                       : len(out[d].content) >= STOP)
#endif
}
#define MAY_SEND(d) (give[d].credit > 0 && !give[d].stopped)

inline pay(d, m, n)
{
    give[d].credit = give[d].credit - CHARGE(d, m);
    assert(nfull(out[d].content));
    out[d].content!m(n)
}

/* hear_charge */
inline charge(d, m)
{
    assert(take[d].credit > 0);
    take[d].credit = take[d].credit - COST(m);
    take[d].spent = take[d].spent + COST(m)
}

/* take_settle: a mark is reached when nothing before it is open */
inline settle(d)
{
    if
#ifdef SENT_IS_HELD
    :: take[d].mark != 0 ->
#else
    :: take[d].mark != 0 && take[d].wants == 0 && take[d].asked == 0 ->
#endif
        take[d].reached = take[d].mark; take[d].mark = 0
    :: else
    fi
}

/* take_look: as many of what was told as may be asked for */
inline look(d, k)
{
    do
    :: take[d].asked != 0 && take[d].wants == 0 ->
        n = ((take[d].asked & 1) != 0 -> 0 : 1);
        take[d].asked = take[d].asked & ~BIT(n);
        if
        :: (take[d].held | take[d].taken) & BIT(n) -> n = SETTLED
        :: else -> take[d].wants = take[d].wants | BIT(n)
        fi;
        assert(nfull(FREE(k)));
        FREE(k)!KNOW(n)
    :: else -> break
    od
}

/* A message that has come: take_message. d: the direction that it is part of,
 * and k the side that hears it. */
inline hear(k)
{
    if
    :: m == HAVE -> charge(1 - k, m);
        take[1 - k].asked = take[1 - k].asked | BIT(n);
        look(1 - k, k)
    :: m == CONTENT -> charge(1 - k, m);
        take[1 - k].taken = take[1 - k].taken | BIT(n);
        take[1 - k].wants = take[1 - k].wants & ~BIT(n);
        look(1 - k, k)
    :: m == POSITION -> charge(1 - k, m);
        take[1 - k].mark = n
    :: m == KNOW -> give[k].open--;
        give[k].jobs = give[k].jobs | (n == SETTLED -> 0 : BIT(n))
    :: m == ACK ->
        assert((take[k].held & UP_TO(n)) == UP_TO(n)); /* it is true */
        assert(n <= give[k].stated);
        give[k].acked = n
    :: m == MORE -> give[k].credit = give[k].credit + n
    fi;
    settle(1 - k)
}

/* take_acknowledge, behind engine_commit */
inline answer(d, k)
{
    if
    :: take[d].reached > take[d].acked ->
        take[d].acked = take[d].reached;
        assert(nfull(FREE(k)));
        FREE(k)!ACK(take[d].acked)
    :: else
    fi;
    if
    :: GIVES(d) ->
        take[d].credit = take[d].credit + take[d].spent;
        n = take[d].spent; take[d].spent = 0;
        assert(nfull(FREE(k)));
        FREE(k)!MORE(n)
    :: else
    fi
}

/* A connection begins: conn_hello, take_hello; what was under way is gone. */
inline begin(d)
{
    give[d].jobs = 0; give[d].open = 0; give[d].stopped = false;
    give[d].credit = CREDIT;
    take[d].credit = CREDIT; take[d].spent = 0;
    take[d].asked = 0; take[d].wants = 0; take[d].mark = 0;
    take[d].due = false;
#ifdef HAVE_IS_TOLD
    give[d].stated = give[d].told;
#else
    give[d].told = take[d].saved; give[d].stated = take[d].saved;
#endif
    take[d].reached = take[d].saved; take[d].acked = take[d].saved;
    give[d].acked = take[d].saved
}

inline forget(channel)
{
    do
    :: nempty(channel) -> channel?_, _
    :: else -> break
    od
}

#define DONE (give[0].acked == DOCS && give[1].acked == DOCS && \
              take[0].held == ALL && take[1].held == ALL)

hidden mtype m;
hidden byte n;

/* Side k: tells in direction k, takes in the other. */
proctype side(byte k; chan to, from)
{
    do
    /* what comes is taken */
    :: d_step { nempty(from) && READS(k) -> from?m, n; hear(k);
        take[1 - k].due = true;
#ifdef ACK_EARLY
        answer(1 - k, k)
#endif
        }
    /* the turn ends: engine_commit, then what it allows to be said */
    :: d_step { take[1 - k].due ->
        take[1 - k].due = false;
        take[1 - k].held = take[1 - k].held | take[1 - k].taken;
        take[1 - k].taken = 0;
        take[1 - k].saved = take[1 - k].reached;
        answer(1 - k, k) }
    /* conn_pump: answers to questions, then what is new, then the position */
    :: d_step { give[k].jobs != 0 && MAY_SEND(k) ->
        n = ((give[k].jobs & 1) != 0 -> 0 : 1);
        give[k].jobs = give[k].jobs & ~BIT(n);
        pay(k, CONTENT, n); look_queue(k) }
    :: d_step { give[k].jobs == 0 && give[k].told < DOCS &&
                give[k].open < WINDOW && MAY_SEND(k) ->
        pay(k, HAVE, give[k].told);
        give[k].told++; give[k].open++; look_queue(k) }
    :: d_step { give[k].jobs == 0 && give[k].told == DOCS &&
                give[k].stated < DOCS && MAY_SEND(k) ->
        pay(k, POSITION, give[k].told);
        give[k].stated = give[k].told; look_queue(k) }
    /* the socket takes something: control before content */
    :: d_step { nfull(to) && nempty(out[k].control) ->
        out[k].control?m, n; to!m(n) }
    :: d_step { nfull(to) && empty(out[k].control) && nempty(out[k].content) ->
        out[k].content?m, n; to!m(n); look_queue(k) }
    :: DONE -> break
    od
}

/* The connection is cut: either side may lose what it has not committed. */
proctype cut()
{
    do
    :: atomic { cuts < CUTS && !DONE ->
        cuts++;
        if
        :: take[0].taken = 0
        :: take[1].taken = 0
        :: take[0].taken = 0; take[1].taken = 0
        :: skip
        fi;
        take[0].held = take[0].held | take[0].taken; take[0].taken = 0;
        take[1].held = take[1].held | take[1].taken; take[1].taken = 0;
        forget(wire0); forget(wire1);
        forget(out[0].control); forget(out[0].content);
        forget(out[1].control); forget(out[1].content);
        begin(0); begin(1) }
    :: cuts == CUTS -> break
    :: DONE -> break
    od
}

init {
    atomic {
        begin(0); begin(1);
        run side(0, wire0, wire1);
        run side(1, wire1, wire0);
        run cut()
    }
}
