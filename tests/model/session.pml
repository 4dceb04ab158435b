/* session.pml: is a session ever gone on with in two ways?
 *
 * A device signs its transactions as (session, index). Two different ones of one
 * place are a fork, for which everybody holds the device to be broken; so a store
 * that may not be the only one, or not the last one, must begin a session anew.
 * Here: a store that is written at level full or group, killed, cut off from its
 * power, backed up, put back, copied, and rolled back whole with its machine; and
 * a peer. Checked: whatever the store, its copies and the peer hold at a place of
 * a session is the same transaction.
 *
 *   spin -a session.pml, and see tests/model/check
 *
 * What stands for what:
 *   sys, disk     store files as the system has them, and the disk (level group
 *                 leaves the second behind): core/store_group.c
 *   pend          what is written and not committed, or is in the process alone
 *   own           repo_counters.own_session: crdt/repo_append.c, append_own
 *   nonce, side   the record and the file beside the store: node/nonce.c
 *   unclean       the note which start of the machine wrote it: store_group.c
 *   hear          crdt/repo_ingest.c, ingest_end_own
 *
 * Planted, each of which must be found (spin -D…):
 *   SEND_EARLY    what is not committed goes to the peer
 *   NO_NONCE      nobody compares the side file with the store
 *   NO_RENEW      a backup leaves the store its nonce
 *   NO_NOTE       a power cut at level group goes unnoticed
 *   NO_MORE       a peer that knows more of our session does not end it
 *   SIDE_LAST     the store has the new nonce before the session has ended
 */
#define PLACES   2 /* where a store may stand: its own, and that of a copy */
#define SESSIONS 4 /* 0 is none */
#define LEN      2 /* transactions of a session */
#ifndef WRITES
#define WRITES   3
#endif
#ifndef BREAKS
#define BREAKS   1 /* kills and cuts */
#endif
#define COPIES   2 /* backups and copies that are made and put somewhere */
#define NONE     255

typedef file {
    byte own;
    byte nonce;
    byte at[8]; /* [session * LEN + index]: which transaction, 0: none */
}

typedef beside { /* the side file */
    byte nonce, inode;
}

file sys[PLACES], disk[PLACES];
beside side[PLACES];
bool exists[PLACES], up[PLACES], unclean[PLACES], rolled[PLACES];
file backup;           /* as the verb makes it: without the side file */
bool has_backup;
file image;            /* of the whole machine, the side file included */
beside image_side;
bool has_image;
byte peer[8];          /* what it was sent */
byte next_session = 1, next_nonce = 1, next_tx = 1;
byte breaks, copies;
bool group;            /* the level of this run */
/* The transaction that is being written: in which session, at which index. */
byte pend[PLACES], pend_at[PLACES], pend_own[PLACES];
byte opening[PLACES];  /* of the steps of opening: the next; 0: none */

hidden byte p, s, n, k, i, x; /* of one step */

#define SLOT(s, i) ((s) * LEN + (i))

inline file_copy(to, from)
{
    to.own = from.own;
    to.nonce = from.nonce;
    for (k : 0 .. 7) {
        to.at[k] = from.at[k]
    }
}

/* It is not looked at again: let states that differ in it be one. */
inline file_forget(f)
{
    f.own = 0;
    f.nonce = 0;
    for (k : 0 .. 7) {
        f.at[k] = 0
    }
}

/* The first free index of a session at a place, or LEN. */
inline length(f, s, out)
{
    out = 0;
    do
    :: out < LEN && f.at[SLOT(s, out)] != 0 -> out++
    :: else -> break
    od
}

/* Everybody who has something at a place of a session has the same. */
inline agree()
{
    for (k : LEN .. 7) {
        x = 0;
        for (i : 0 .. PLACES - 1) {
            if
            :: exists[i] && sys[i].at[k] != 0 ->
                assert(x == 0 || x == sys[i].at[k]);
                x = sys[i].at[k]
            :: else
            fi
        }
        assert(peer[k] == 0 || x == 0 || x == peer[k])
    }
}

/* node_nonce_check: the side file is another's, or is missing; or the machine
 * was cut off from its power while the disk was behind. */
#ifdef NO_NONCE
#define FOREIGN(p) false
#else
#define FOREIGN(p) \
    (side[p].nonce != sys[p].nonce || side[p].inode != p)
#endif
#ifdef NO_NOTE
#define LOST(p) false
#else
#define LOST(p) unclean[p]
#endif

/* Which files a place has when the power comes back. */
inline power_cut(p)
{
    if
    :: group -> unclean[p] = true
    :: else
    fi;
    file_copy(sys[p], disk[p]);
    up[p] = false; opening[p] = 0; pend[p] = 0
}

#define MAY_SAVE (!group)

active proctype world()
{
    d_step {
        exists[0] = true;
        sys[0].nonce = 1; disk[0].nonce = 1;
        /* it has written other documents with its session */
        sys[0].own = 1; disk[0].own = 1; next_session = 2;
        side[0].nonce = 1; side[0].inode = 0;
        next_nonce = 2
    };
    if
    :: group = true
    :: group = false
    fi;
    do
    /* --- a place is opened: node/store.c; in three commits, each of which a
     * kill may keep from being made */
    :: atomic {
        if
        :: exists[0] && !up[0] && opening[0] == 0 -> p = 0
        :: exists[1] && !up[1] && opening[1] == 0 -> p = 1
        fi;
        if
        :: FOREIGN(p) || LOST(p) -> opening[p] = 1
        :: else -> up[p] = true
        fi; }
    :: atomic { opening[0] == 1 || opening[1] == 1 ->
        p = (opening[0] == 1 -> 0 : 1);
        /* identity_renew, crdt/repo.c; flushed */
#ifdef SIDE_LAST
        sys[p].nonce = next_nonce; side[p].nonce = next_nonce;
        side[p].inode = p; next_nonce++;
#else
        sys[p].own = 0;
#endif
        file_copy(disk[p], sys[p]);
        unclean[p] = false;
        opening[p] = 2 }
    :: atomic { opening[0] == 2 || opening[1] == 2 ->
        p = (opening[0] == 2 -> 0 : 1);
#ifndef SIDE_LAST
        side[p].nonce = next_nonce; side[p].inode = p; /* nonce_write */
#endif
        opening[p] = 3 }
    :: atomic { opening[0] == 3 || opening[1] == 3 ->
        p = (opening[0] == 3 -> 0 : 1);
#ifdef SIDE_LAST
        sys[p].own = 0;
#else
        sys[p].nonce = side[p].nonce; next_nonce++;
#endif
        file_copy(disk[p], sys[p]);
        opening[p] = 0; up[p] = true }

    /* --- writing: append_own, append_begin; then the commit */
    :: atomic { (up[0] && pend[0] == 0 && !rolled[0] ||
                 up[1] && pend[1] == 0 && !rolled[1]) &&
                next_tx <= WRITES ->
        if
        :: up[0] && pend[0] == 0 && !rolled[0] -> p = 0
        :: up[1] && pend[1] == 0 && !rolled[1] -> p = 1
        fi;
        s = sys[p].own;
        if
        :: s == 0 && next_session < SESSIONS -> s = next_session; next_session++
        :: s != 0
        :: s == 0 && next_session == SESSIONS -> s = NONE
        fi;
        if
        :: s != NONE ->
            length(sys[p], s, n);
            if
            :: n < LEN ->
                pend[p] = next_tx; next_tx++;
                pend_at[p] = SLOT(s, n); pend_own[p] = s
            :: else
            fi
        :: else
        fi;
        }
    :: atomic { pend[0] != 0 || pend[1] != 0 ->
        if
        :: pend[0] != 0 -> p = 0
        :: pend[1] != 0 -> p = 1
        fi;
        sys[p].at[pend_at[p]] = pend[p];
        sys[p].own = pend_own[p];
        if
        :: MAY_SAVE -> file_copy(disk[p], sys[p])
        :: else
        fi;
        pend[p] = 0; pend_at[p] = 0; pend_own[p] = 0;
        agree() }
    /* the group goes to the disk */
    :: atomic { group && (up[0] || up[1]) ->
        p = (up[0] -> 0 : 1);
        file_copy(disk[p], sys[p]) }

    /* --- sync: give_session reads what is committed */
    :: atomic { (up[0] || up[1]) ->
        if
        :: up[0] -> p = 0
        :: up[1] -> p = 1
        fi;
        for (k : LEN .. 7) {
            if
            :: sys[p].at[k] != 0 ->
                assert(peer[k] == 0 || peer[k] == sys[p].at[k]);
                peer[k] = sys[p].at[k]
            :: else
            fi
        }
#ifdef SEND_EARLY
        if
        :: pend[p] != 0 -> peer[pend_at[p]] = pend[p]
        :: else
        fi;
#endif
        /* and hears of it, one piece of a log at a time: ingest_end_own */
        x = 0;
        for (k : LEN .. 7) {
            if
            :: x == 0 && pend[p] == 0 && peer[k] != 0 && sys[p].at[k] == 0 ->
                sys[p].at[k] = peer[k]; x = 1;
                if
                :: sys[p].own == k / LEN ->
                    rolled[p] = false;
#ifndef NO_MORE
                    sys[p].own = 0
#endif
                :: else
                fi
            :: else
            fi
        }
        if
        :: pend[p] == 0 && x == 0 -> rolled[p] = false /* it has no more */
        :: else
        fi;
        if
        :: MAY_SAVE -> file_copy(disk[p], sys[p])
        :: else
        fi;
        agree() }

    /* --- what breaks */
    :: atomic { breaks < BREAKS && (up[0] || up[1] || opening[0] != 0 ||
                                 opening[1] != 0) ->
        if
        :: up[0] || opening[0] != 0 -> p = 0
        :: up[1] || opening[1] != 0 -> p = 1
        fi;
        breaks++;
        up[p] = false; opening[p] = 0;
        pend[p] = 0; pend_at[p] = 0; pend_own[p] = 0;
        if
        :: power_cut(p)
        :: skip /* killed: the system goes on */
        fi; }

    /* --- backup: node/admin_backup.c: the copy, then another nonce here */
    :: atomic { copies < COPIES && up[0] && !has_backup && pend[0] == 0 ->
        copies++;
        file_copy(backup, sys[0]); has_backup = true;
#ifndef NO_RENEW
        side[0].nonce = next_nonce; sys[0].nonce = next_nonce; next_nonce++;
        file_copy(disk[0], sys[0]);
#endif
        skip }
    /* put in the place of the store that is down, by hand: the side file is the
     * one that was there, and so is the inode where it is written over */
    :: atomic { has_backup && exists[0] && !up[0] && opening[0] == 0 ->
        file_copy(sys[0], backup); file_copy(disk[0], backup);
        has_backup = false; file_forget(backup); unclean[0] = false }
    /* or with the verb, elsewhere: no side file */
    :: atomic { has_backup && !exists[1] ->
        file_copy(sys[1], backup); file_copy(disk[1], backup);
        has_backup = false; file_forget(backup); exists[1] = true;
        side[1].nonce = NONE; side[1].inode = NONE }
    /* --- the directory copied as it lies, side file and all */
    :: atomic { copies < COPIES && !exists[1] && !up[0] && opening[0] == 0 ->
        copies++;
        file_copy(sys[1], sys[0]); file_copy(disk[1], sys[0]);
        side[1].nonce = side[0].nonce; side[1].inode = side[0].inode;
        exists[1] = true }
    /* --- the whole machine rolled back: nothing on it can tell. It must hear of
     * it before it writes (rolled); what the peer knows ends the session. With a
     * second store about, which might have what no peer has, nothing helps. */
    :: atomic { copies < COPIES && !has_image && !exists[1] && pend[0] == 0 &&
                opening[0] == 0 && !has_backup ->
        copies++;
        file_copy(image, disk[0]);
        image_side.nonce = side[0].nonce; image_side.inode = side[0].inode;
        has_image = true }
    :: atomic { has_image && !exists[1] && !has_backup && !unclean[0] ->
        file_copy(sys[0], image); file_copy(disk[0], image);
        side[0].nonce = image_side.nonce; side[0].inode = image_side.inode;
        has_image = false; file_forget(image);
        image_side.nonce = 0; image_side.inode = 0; rolled[0] = true;
        up[0] = false; opening[0] = 0;
        pend[0] = 0; pend_at[0] = 0; pend_own[0] = 0 }
    :: next_tx > WRITES && pend[0] == 0 && pend[1] == 0 -> break
    od
}
