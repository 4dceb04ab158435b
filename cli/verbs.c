/* verbs.c: the table of verbs and what help says of each. */
#include "cli/cli.h"

#include <stddef.h>

const struct cli_verb cli_verbs[] = {
    {"init", true, true, cli_init, "", "make a store, a device key, an account",
     "Idempotent. Example:\n  cove -d alice init"},
    {"key", true, false, cli_key, "", "show this device's key",
     "A peer and a group name this device by it. Example:\n"
     "  cove -d bob key"},
    {"new", true, false, cli_new,
     "[SCHEMA[@VERSION]] [FIELD=TEXT | FIELD:=JSON]…",
     "make a document, or a group (new group)",
     "  --owner ID       the group or account that owns it\n"
     "  --fields JSON    fields as one object; - reads standard input\n"
     "  --unique JSON    a derivable id: the same value makes the same "
     "document\n"
     "  --like ID --local   a copy that never leaves this device: to migrate, "
     "check,\n                      and discard\n"
     "  new group [--member KEY=ROLE]… [--name TEXT]   ROLE: admin, writer, "
     "reader\n"
     "  new text [TEXT], new list [JSON], new stream [JSON], new counter "
     "[NUMBER],\n"
     "  new blob           with what is in it; - reads standard input. A "
     "schema of such a\n"
     "                   name is NAME@VERSION\n"
     "Examples:\n"
     "  cove new Note title=Hello stars:=3\n"
     "  cove new list '[\"milk\",\"bread\"]'\n"
     "  cove new group --member $(cove -d bob key)=writer"},
    {"get", true, false, cli_get, "ID[.FIELD] [FIELD]", "show a document",
     "  --as VERSION     as this version of the schema sees it (2, Note@2)\n"
     "  --raw            registers as stored, copies with their origins\n"
     "  --header         the immutable header\n"
     "  --conflicts      concurrent writes that lost\n"
     "  --view           write nothing back (a read migrates otherwise)\n"
     "  --depth N        and what it refers to, N steps far, each document "
     "once\n"
     "  --branch NAME    of this branch\n"
     "  --at POINT       as it stood at a time (2026-11-20T17:05:00Z, or "
     "milliseconds),\n                   at a mark, or on a branch\n"
     "  --entries N      of a stream the newest N (100), or all\n"
     "ID may be any unique prefix. Examples:\n"
     "  cove get co_z3xk --as 1\n"
     "  cove get co_z3xk title"},
    {"set", true, false, cli_set, "ID FIELD=TEXT | FIELD:=JSON …",
     "write fields",
     "  --as VERSION     as an app of this version\n"
     "  --branch NAME    to this branch\n"
     "  --lines FILE     many documents in one commit, one JSON object a "
     "line:\n"
     "                   {\"id\":…, \"set\":{…}, \"delete\":[…]}; - reads "
     "standard input\n"
     "Example:\n  cove set co_z3xk title='Hello again' stars:=4"},
    {"del", true, false, cli_del, "ID FIELD…", "delete fields",
     "  --as VERSION     as an app of this version"},
    {"rm", true, false, cli_rm, "ID…", "remove documents, for everybody",
     "  --no-backup      where the config has requireBackup\n"
     "Here and from every device that has them, for good, with the documents "
     "of their\nfields; what others write to them meanwhile goes, too. `cove "
     "log ID` still says who\ndid it. Needs -y, else exit 8. Whoever may write "
     "a document may remove it."},
    {"find", true, false, cli_find, "[SCHEMA[@VERSION]]",
     "show the documents of a schema",
     "  --as VERSION     as this version sees them\n"
     "  --mode MODE      migrate (write back what is due), view (default), "
     "raw\n"
     "  --where COND     only those that meet it; several all have to hold:\n"
     "                   FIELD=TEXT FIELD:=JSON FIELD!=TEXT FIELD<X (<= > >=)\n"
     "                   FIELD (exists) !FIELD (missing), or a JSON object\n"
     "  --order FIELDS   sorted: status,-due (- descends)\n"
     "  --limit N        at most N documents\n"
     "  --cursor C       go on behind those that gave this cursor\n"
     "  --count          how many, and nothing of them\n"
     "  --explain        which index was used, and what it took\n"
     "  --duplicates F   values of a field that more than one document has\n"
     "  --ids FILE       only these ids, one a line; - reads standard input\n"
     "  --invalid        only those with values that are not right, and why\n"
     "  --local          the local copies, which no other list shows\n"
     "Examples:\n  cove --jsonl find Note --as 2 --limit 10\n"
     "  cove find Note --where 'stars>=3' --where '!archived'"},
    {"edit", true, false, cli_edit, "ID[.FIELD]",
     "edit a text, list or map in your editor",
     "  --branch NAME    of this branch\n"
     "VISUAL or EDITOR says which; a list or map is JSON there. Only what you "
     "changed is\nwritten: what others wrote meanwhile stays. An editor that "
     "fails writes nothing.\nExample:\n  EDITOR=nano cove edit "
     "co_z3xk.body"},
    {"text", true, false, cli_text_verb,
     "ID[.FIELD] [show | length | insert AT TEXT | delete AT COUNT |\n    "
     "replace AT COUNT TEXT | update [TEXT|-]]",
     "read and edit a text",
     "  --unit UNIT      in what places are counted: codepoints (as is usual), "
     "bytes,\n                   graphemes (what a person sees as one "
     "character)\n"
     "  --branch NAME    of this branch\n"
     "AT is a number from 0, or end; COUNT a number, or end. update makes it "
     "the new text\nby as few edits as it takes; without TEXT it reads "
     "standard input. ID.FIELD is the\ntext that the field of a document "
     "refers to; the first write makes it.\nExamples:\n"
     "  cove text $(cove new text) insert 0 'Dear all,'\n"
     "  cove text co_z3xk.body update - < letter.txt\n"
     "  cove text co_z3xk.body delete 0 4"},
    {"list", true, false, cli_list_verb,
     "ID[.FIELD] [show | length | get AT | insert AT VALUE… | append VALUE… |\n"
     "    set AT VALUE | delete AT [COUNT] | update [JSON|-]]",
     "read and edit a list",
     "  --branch NAME    of this branch\n"
     "A VALUE is a text, or :=JSON. set writes an item where it stands; update "
     "makes it\nthe items of a JSON array by as few edits as it takes.\n"
     "Examples:\n"
     "  cove list co_z3xk.tags append red :=3 ':={\"a\":1}'\n"
     "  cove list co_z3xk.tags set 0 blue"},
    {"counter", true, false, cli_counter_verb, "ID[.FIELD] [show | add [N]]",
     "read a counter, or add to it",
     "N may be below zero. No addition is lost, whoever adds at the same "
     "time.\nExample:\n  cove counter co_z3xk.votes add 1"},
    {"stream", true, false, cli_stream_verb,
     "ID[.FIELD] [append VALUE… | read | tail]",
     "append to a stream, and read it",
     "  append VALUE…    a text, or :=JSON; - takes each line of standard "
     "input (--jsonl:\n                   as JSON)\n"
     "  read [--from POSITION] [--limit N] [--author KEY]\n"
     "                   in the order of time; it ends with the position to "
     "read on from,\n                   which gives each entry once, whenever "
     "it comes\n"
     "  tail [--limit N] [--follow] [--author KEY]\n"
     "                   the newest (10), and with --follow those that come\n"
     "Example:\n  cove stream co_z3xk.log append 'door opened'\n"
     "  cove --jsonl stream co_z3xk.log tail --follow"},
    {"blob", true, false, cli_blob_verb,
     "put ID[.FIELD] FILE|- | get ID[.FIELD] [FILE|-] | show ID[.FIELD]",
     "put a file into a blob, and get it out",
     "  put --name TEXT --mime TYPE\n"
     "                   what is said of it; the name is the file's "
     "otherwise\n"
     "      --bytes N    of what comes through a pipe, where it is known\n"
     "      --resume     what comes through a pipe is the same that was cut "
     "off\n"
     "A put commits every 4 MiB, and one that was cut off goes on where it "
     "was. What is\nshown stays what it was until the new one is whole. get "
     "never writes over a file\nwithout -y. Examples:\n"
     "  cove blob put co_z3xk.photo cat.jpg --mime image/jpeg\n"
     "  cove blob get co_z3xk.photo - | file -"},
    {"diff", true, false, cli_diff_verb, "ID[.FIELD] FROM [TO]",
     "what changed between two points of a document's past",
     "  --lines          whole lines, with those around (as is usual)\n"
     "  --words          word by word\n"
     "  --branch NAME    of this branch\n"
     "  --exit-code      3 where anything differs\n"
     "FROM and TO are times (2026-11-20T17:05:00Z, or milliseconds), marks "
     "(`cove mark`),\nbranches, or now; without TO it is now. Of a map each "
     "field is a line, of a list each\nitem. --json has each change with its "
     "authors. Example:\n  cove diff co_z3xk.body before-review "
     "--words"},
    {"undo", true, false, cli_undo, "ID[.FIELD]",
     "take back your newest write in a document",
     "  --branch NAME    of this branch\n"
     "What others wrote since stays. `cove redo` does it again.\n"
     "Example:\n  cove undo co_z3xk.body"},
    {"redo", true, false, cli_redo, "ID[.FIELD]",
     "do again what was taken back last", "  --branch NAME    of this branch"},
    {"branch", true, false, cli_branch, "ID[.FIELD] [NAME | --list]",
     "begin a branch of a document, or list them",
     "  --branch NAME    off this branch\n"
     "It shares the past; what is written to it (--branch NAME on the verbs "
     "that read and\nwrite) shows when it is merged. Example:\n"
     "  cove branch co_z3xk.body draft\n"
     "  cove edit co_z3xk.body --branch draft\n"
     "  cove merge co_z3xk.body draft"},
    {"merge", true, false, cli_merge_verb, "ID[.FIELD] NAME | --main",
     "show in a document what a branch has come to",
     "  --branch NAME    in this branch; --main then takes what the document "
     "has\n"
     "A branch goes on behind a merge, and may be merged again."},
    {"import", true, false, cli_import,
     "FILE [--schema SCHEMA[@VERSION]] | --exact FILE",
     "make a document of each JSON line",
     "  --schema NAME    the schema (none: any keys)\n"
     "  --as VERSION     the version of it that the records have\n"
     "  --owner ID       the group or account that owns them\n"
     "  --skip-invalid   go on behind a record that breaks the schema, and "
     "count\n"
     "  --unique FIELD   a record whose FIELD a document has changes that one, "
     "by what\n                   differs; so a file can be imported again\n"
     "  --blob-dir DIR   where `cove export` put the blobs\n"
     "  --resume         commit in slices, and go on where an import of this "
     "file ended:\n                   how far it came is in FILE.import\n"
     "Without --skip-invalid or --resume it is all or nothing. A line of `cove "
     "export` "
     "gives its\nfields, at its schema and version, to a new document with an "
     "id of its own; a text,\nlist, stream, counter or blob its content. "
     "References to what comes in with it go\nto the new documents; those of "
     "a map to a map further down stay.\n"
     "  --exact FILE     of `cove export --exact` (- standard input): each "
     "document as it\n                   was signed, verified again; what is "
     "here already is found so\n"
     "  --resume         with it: go on where an import of it ended\n"
     "Examples:\n"
     "  cove import notes.jsonl --schema Note\n"
     "  cove import stock.jsonl --schema Item --unique sku\n"
     "  cove -d a export Note | cove -d b import -"},
    {"export", true, false, cli_export,
     "[SCHEMA[@VERSION]] | --exact FILE [SCHEMA]",
     "print documents as JSON lines",
     "  --as VERSION     as this version sees them\n"
     "  --raw            registers as stored\n"
     "  --depth N        and what each refers to, N steps far\n"
     "  --blob-dir DIR   blobs of more than 1 MiB, as files; smaller ones are "
     "in their lines\n"
     "  --after ID       those behind this one: the last that an export gave "
     "which was cut\n"
     "  --exact FILE     each document as it was signed, with all its history "
     "(- standard\n                   output): `cove import --exact` gives the "
     "same documents elsewhere\n"
     "     --after CURSOR   only what changed since the dump that gave it; or "
     "the rest of\n                      one that did not come to its end\n"
     "     --plain       not compressed\n"
     "Examples:\n  cove export Note --depth 1 > notes.jsonl\n"
     "  cove export --exact all.dump\n"
     "  cove -d a export --exact - | cove -d b import --exact -"},
    {"log", true, false, cli_log, "ID[.FIELD] [FIELD] | -p ID[.FIELD]",
     "show who wrote what when",
     "  --as VERSION     what FIELD means\n"
     "  -p               what each transaction changed, the newest first, of "
     "any type\n"
     "     --limit N     so many (20); --all\n"
     "     --before ID   older than this one, which the last page named\n"
     "     --branch NAME as this branch sees it\n"
     "Example:\n  cove log -p co_z3xk.body --limit 5"},
    {"schema", false, false, cli_schema,
     "put FILE | list | show NAME[@VERSION] | diff [OLD] NEW |\n    "
     "check SCHEMA DOC | push [FILE|DIR]… | pull NAME[@VERSION] |\n    "
     "generate NAME[@VERSION]",
     "publish, show and compare schemas, check documents",
     "  put FILE --owner ID    publish version 1 of a JSON Schema; its title "
     "and\n"
     "                         version name it. Idempotent.\n"
     "  show NAME --text       the schema's own text\n"
     "  check SCHEMA DOC       does DOC break a rule? Nothing is written. "
     "SCHEMA "
     "is a file,\n"
     "                         which needs no store, or NAME[@VERSION]; DOC a "
     "file of\n"
     "                         JSON, - or the ID of a document; --jsonl, or "
     "*.jsonl: one\n"
     "                         a line. Exit 9 where any does, each with path "
     "and rule.\n"
     "                         --formats: \"format\" is a rule too\n"
     "  push [FILE|DIR]…       for development: diff, migrations, publish, in "
     "one go;\n"
     "                         --dry-run, -y, --owner ID, answers as for diff\n"
     "  pull NAME [-o FILE]    write it to schema/NAME.schema.json; -y "
     "overwrites a\n"
     "                         changed file\n"
     "  generate NAME [-o FILE] [--prefix P]\n"
     "                         a C header with names, registers, version, "
     "epoch\n"
     "  diff OLD NEW           what changed, and the words of the migration: "
     "files,\n"
     "                         NAME@VERSION, or two directories. With NEW "
     "alone: against\n"
     "                         the newest version in the store\n"
     "    --rename OLD=NEW  --drop FIELD  --accept-data-loss  --hide FIELD\n"
     "    --enum FIELD:OLD=NEW (FIELD:OLD= drops)  --lossy FIELD  --answers "
     "FILE\n"
     "                         what files alone do not tell; SCHEMA.FIELD in a "
     "directory\n"
     "    --strict             never ask; --exit-code: 3 where anything "
     "differs\n"
     "    Exit 4 where a change is ambiguous and not answered, 8 where one "
     "destroys\n"
     "    and consent is missing.\n"
     "Example:\n  cove schema diff note.v1.schema.json note.v2.schema.json "
     "--rename text=body"},
    {"migrate", true, false, cli_migrate,
     "plan [DIR|FILE…] | explain ID | publish FILE | status [NAME] | run NAME "
     "|\n    "
     "pause NAME | resume NAME | cancel NAME | retry NAME | once NAME |\n    "
     "down NAME | retire NAME V | merge NAME | create NAME | log [NAME] |\n    "
     "up [DIR] | verify [DIR] | drop --last [NAME] | squash FROM..TO | bundle "
     "[DIR] |\n    reset NAME",
     "publish and run migrations",
     "  --schema FILE    the schema that the migration leads to\n"
     "  plan: what documents would show, what would not be valid any longer, "
     "what it\n"
     "    costs; nothing is written. Several files are planned as one way,\n"
     "    and so is a directory of them: plan [DIR [NAME]]\n"
     "    --sample N       N documents, spread evenly, instead of all\n"
     "    --where COND     only those that meet it (`cove help find`)\n"
     "    --examples N     so many shown before and after (3)\n"
     "  explain ID [--as VERSION]: each field's writes, their way through the "
     "steps,\n"
     "    and what lost to them\n"
     "  run NAME [--to VERSION]: write back what is due, in batches. --batch "
     "N,\n"
     "       --rate N (documents a second), --threshold PERCENT, --atomic, "
     "--dry-run,\n"
     "       --queue (a daemon does it), --wait, --timeout SECONDS, "
     "--allow-drift,\n"
     "       --no-backup (as for up, down, reset and schema push: where the "
     "config has\n"
     "       requireBackup, what loses values wants one newer than the last "
     "change)\n"
     "  pause NAME | resume NAME | cancel NAME: takes effect between batches, "
     "whoever\n"
     "       works on it; retry NAME: the documents that did not convert\n"
     "  once NAME SCHEMA --set FIELD=TEXT | --set FIELD:=JSON | --delete "
     "FIELD …\n"
     "       | --lua FILE [--fuel N] [--memory BYTES]; [--where COND] [--as "
     "VERSION]\n"
     "       [--dry-run]: change data under a name, once\n"
     "  down NAME --steps N | --to VERSION | --undo: a later version with the "
     "fields\n"
     "       of an earlier one. --dry-run, --accept-data-loss\n"
     "  retire NAME VERSION: it and those before it are no longer written; "
     "--dry-run\n"
     "  merge NAME: join the branches of a fork; --print only writes the "
     "file\n"
     "  log [NAME] [--limit N]: who published, ran and changed what, and when\n"
     "DIR (schema) has NAME.schema.json and migrations/:\n"
     "  create NAME [--dir DIR] [--note TEXT] [--print]: a migration file from "
     "what was\n"
     "         changed in NAME.schema.json; answers as for schema diff\n"
     "  up     publish what is not yet, in the manifest's order, then run. "
     "--to V,\n"
     "         --batch N, --owner ID for new schemas, --strict stops at any "
     "problem,\n"
     "         --allow-drift goes on with other schemas, --wait --timeout S\n"
     "  verify the files against the manifest and the store; exit 4 on drift. "
     "--write\n"
     "         takes what is not published over into the manifest\n"
     "  drop --last [NAME] [--dir DIR]: remove the last file, if unpublished\n"
     "  squash [NAME] FROM..TO [--dir DIR]: unpublished files become one\n"
     "  bundle -o FILE: all in one JSON, for cove_migrations_add in an app\n"
     "  reset NAME --name NAME -y: for development, take a schema and its "
     "documents out\n                   of this store; refused where a peer "
     "has "
     "any of it\n"
     "Example:\n  cove migrate publish note.v1-to-v2.json --schema "
     "note.v2.schema.json"},
    {"index", true, false, cli_index, "list [SCHEMA] | work | rebuild [SCHEMA]",
     "the indexes that find uses",
     "Schemas ask for them (x-index). They are built beside other work, by "
     "commits and by\n`cove serve`; work does what is left now, rebuild begins "
     "them anew.\nExample:\n  cove index list Task"},
    {"peer", true, false, cli_peer,
     "add KEY [HOST:PORT] | invite | join INVITE | trust KEY | rm KEY | dial | "
     "list | want KEY",
     "whom to sync with",
     "  --name TEXT      a word for it\n"
     "peer invite prints a line to hand to a friend, who says `cove peer join "
     "LINE` and is a\npeer here when it calls; whoever has the line may\n"
     "  --address HOST:PORT  where to call; else where the daemon listens\n"
     "  --expires TIME   30m, 12h, 7d (as it begins), at most 365d\n"
     "  --uses N         by so many devices, 1 as it begins, at most 64\n"
     "  --name TEXT      a word for who comes by it\n"
     "  --list           the invites there are; --revoke N: it is none any "
     "more\n"
     "peer join - reads the line from standard input.\n"
     "peer list --refused: devices that called the daemon and are no peers, "
     "the "
     "last 16;\npeer trust KEY takes one of these, by 8 digits or more; and a "
     "device or address\nthat is refused for a while, as peer list shows it, "
     "it "
     "takes in again\n"
     "peer rm forgets a device: it is sent away, and invites by which it could "
     "come back are\nrevoked. What it has it keeps.\n"
     "dial lets the daemon call those that are away now, whatever the pause.\n"
     "peer network: the key of the network that this store syncs in; who has "
     "another, or none,\ngets silence\n"
     "  --new            make one, and print it for the other devices\n"
     "  --key KEY        it is this; --none: there is none any more\n"
     "peer want KEY: what of the peer's documents comes here\n"
     "  --all            everything that this device may read (as it begins)\n"
     "  --schema NAME[,NAME…]  those of schemas\n"
     "  --group ID[,ID…]       those of groups\n"
     "  --doc ID[:STEPS][,…]   these, and what they refer to, STEPS times\n"
     "KEY is what `cove key` shows on the peer."},
    {"serve", false, false, cli_serve,
     "[--config FILE] [--SETTING VALUE …] [--check-config]",
     "sync until stopped",
     "Listens, dials the peers with an address, and pushes what other "
     "processes "
     "commit.\nSettings come from --config FILE or else DIR/serve.conf, a "
     "\"name = value\" a line\nand comments behind #; over them from "
     "COVE_NAME in the environment (COVE_LOG_LEVEL);\nover those from "
     "--name. --check-config shows which come from where, and ends: 9\nwhere "
     "one is wrong. SIGHUP reads them again: a wrong file changes nothing, and "
     "what\nis not live waits for the next start. SIGTERM says goodbye and "
     "ends, a second one at\nonce.\n"},
    {"sync", true, false, cli_sync, "[--peer KEY] [--timeout SECONDS]",
     "sync with the peers once, and wait until done",
     "Exit 7 where a peer cannot be reached, 3 where the time is over (default "
     "30 s)."},
    {"wait", true, false, cli_wait, "[--peer KEY] [--timeout SECONDS]",
     "wait until the peers have all that is here",
     "Exit 3 when the time is over (default 30 s)."},
    {"watch", false, false, cli_watch, "[SCHEMA[@VERSION] | ID]",
     "print a line for each change, as it comes",
     "  --where COND     documents that meet it: enter, change, leave "
     "(`cove help find`)\n"
     "  --as VERSION     the condition is on this version's fields\n"
     "  --initial        what is here first, as enter; usual with --where\n"
     "  --no-initial     not even then\n"
     "  --since N        go on behind the event with this sequence\n"
     "  --no-migrations  leave out what only migrations wrote\n"
     "  --origin WHOSE   only changes from here, peer, migration (a,b)\n"
     "  --peers          how each peer is, instead of documents\n"
     "  --migrations     schemas, journals and runs, instead of documents\n"
     "  --count N        end after N events; --timeout SECONDS: after that "
     "time, exit 3\n                   where events are missing\n"
     "Without words: all documents. With --json a JSON object a line: event, "
     "id,\nsequence, from, peer, detail. It does not sync: a daemon beside "
     "it does.\n"
     "Example:\n  cove --json watch Task --where 'done:=false' "
     "--no-migrations"},
    {"status", true, false, cli_status, "[SCHEMA]", "how everything stands",
     "  --scan           judge each document anew, not only those that "
     "changed\n"
     "Documents by state, what is unsent, digests, peers. `cove migrate "
     "status` "
     "has the\nversions."},
    {"check", true, false, cli_check, "[--deep] [--repair]",
     "verify every header, log and signature again",
     "  --deep           look at each page of the file, and compare all that "
     "is "
     "kept\n                   with what it follows from\n"
     "  --repair         make again what follows from what is whole; put aside "
     "what\n                   is not, for peers to send it again\n"
     "Exit 9 on damage, 0 where all of it was made again. A store that cannot "
     "be opened\nis looked at all the same. docs/ADMIN.md \"What check finds\" "
     "lists the kinds."},
    {"stats", true, false, cli_stats, "",
     "where the bytes are, and how much there is",
     "From counts that are kept: it takes as long in a large store."},
    {"recover", false, false, cli_recover, "[--reissue] SRC DEST",
     "save what is whole in a damaged store into a new one",
     "SRC is read only, page by page, whatever its damage; DEST is a new "
     "directory. Each\nheader, log and signature is verified; the device's key "
     "is kept, the session is a\nnew one. What was lost peers send again: "
     "sync. "
     "Exit 9 where something was lost.\n"
     "  --reissue        fields that this device wrote with a clock that was "
     "ahead are set\n                   again now, when the clock is right: "
     "others see them at once, and\n                   the new store can be "
     "written again\nExample:\n  cove recover alice "
     "alice-saved && cove -d alice-saved sync"},
    {"backup", false, false, cli_backup,
     "DIR | list [PARENT] | verify DIR | restore DIR [--to NEWDIR] |\n    "
     "FILE --schema NAME",
     "copy the store to a new directory, while it is in use",
     "The copy is whole, compact and durable, with the device's key (keep it "
     "safe) and\nbackup.json, which says what it holds. Opened with -d DIR it "
     "is this device with a\nsession of its own. Nothing is ever written "
     "over.\n"
     "  list             those noted in this store: when, how much, still "
     "there?\n"
     "  list PARENT      those that lie in a directory; needs no store\n"
     "  verify DIR       every byte, hash and signature, against what it was "
     "made of;\n                   needs no store, changes nothing; exit 9 "
     "where it is not whole\n"
     "  restore DIR      as the store (-d), or as a new one (--to NEWDIR). A "
     "store that\n                   is there wants -y, and is kept beside it "
     "under the date. The\n                   restored one begins a session "
     "of its own\n"
     "  --schema NAME    with a FILE in place of DIR: that schema, its "
     "documents "
     "and what\n                   they need, as `cove export --exact`\n"
     "What single documents were before is `cove restore`. Examples:\n"
     "  cove backup /mnt/disk/cove-2026-11-30\n"
     "  cove backup verify /mnt/disk/cove-2026-11-30\n"
     "  cove -d notes backup restore /mnt/disk/cove-2026-11-30 -y"},
    {"compact", true, false, cli_compact,
     "[--all | --schema NAME | ID] [--days N] [--no-file]",
     "let history take less room",
     "  --days N         only what was written more than N days ago\n"
     "  --no-file        do not make the store's file anew\n"
     "Packs what sessions wrote, of all documents unless it is said which; "
     "what "
     "is read\nand sent stays what it was. Then the file is made anew without "
     "the room that is free\nin it, where no other process has the store open. "
     "`cove config compactDays=30`\nlets `cove serve` pack when it is idle."},
    {"cut", true, false, cli_cut,
     "--days N | --before TIME | --keep BYTES  [ID[.FIELD]… | --schema NAME]",
     "let the beginning of histories go, for good",
     "  --days N         what was written more than N days ago\n"
     "  --before TIME    … before 2026-11-20T17:05:00Z (UTC), or "
     "milliseconds\n"
     "  --keep BYTES     the oldest of what is more than so much a document: "
     "64K, 2M\n"
     "  --dry-run        only say what would go\n"
     "  --force          also where a peer that was here lately lacks a part\n"
     "  --no-backup      where the config has requireBackup\n"
     "What documents show stays as it is, and syncs as it did. What goes is "
     "who "
     "wrote what\nwhen, and with it undo, diff and views of that time: what "
     "these came to is signed by\nthis device, an admin of their owner, in "
     "place of them. Maps, lists, texts, counters\nwithout branches. Needs -y, "
     "or asks, else exit 8; a single document that cannot be\ncut is an error. "
     "`cove config historyDays=90` lets `cove serve` do it.\n"
     "docs/ADMIN.md \"Retention\" has what follows from it. Examples:\n"
     "  cove cut --days 90 --dry-run\n"
     "  cove cut --keep 64K co_z3xk.body -y"},
    {"mark", true, false, cli_mark, "[NAME]",
     "name this moment, to restore to; without NAME: list",
     "-y moves a mark that is there. Runs of migrations set marks of their "
     "own."},
    {"restore", true, false, cli_restore,
     "ID[.FIELD] | SCHEMA  --to TIME | --mark NAME",
     "write what was seen at a moment again",
     "  --to TIME        milliseconds since 1970, or 2026-11-20T17:05:00Z "
     "(UTC)\n"
     "  --mark NAME      a mark (`cove mark`); SCHEMA may be left out where "
     "the "
     "mark\n                   has one\n"
     "  --as VERSION     as this version sees it\n"
     "  --dry-run        show what would change\n"
     "Of any type. The differences become ordinary writes, so history stays "
     "and others get "
     "them too;\ndone twice it writes nothing more. Documents made since stay. "
     "Needs -y, else exit 8\nwith the count. Examples:\n"
     "  cove restore co_z3xk --to 2026-11-20T17:05:00Z --dry-run\n"
     "  cove restore Note --mark before-import -y"},
    {"discard", true, false, cli_discard, "ID", "throw a local copy away",
     "Only what `cove new --like ID --local` made; nothing of it stays."},
    {"config", true, false, cli_config, "[KEY | KEY=VALUE]",
     "how careful this store is",
     "profile=relaxed|strict, batch, rate, threshold, atomicLimit, "
     "requireBackup,\ncompactDays, scrub, historyDays, historyBytes; KEY= "
     "takes a setting back. Example:\n"
     "  cove config profile=strict"},
    {"version", false, false, cli_version, "", "which version this is", ""},
    {"help", false, false, cli_help, "[VERB]", "this, or more on a verb", ""},
    {NULL, false, false, NULL, NULL, NULL, NULL},
};
