/* shapes.h: the schemas that the stories are about, as a developer's files.
 *
 *   version 1          version 2                  version 3
 *   name ───split────▶ first, last ─────────────▶ first, last
 *   size text ───────▶ size int ────── × 1024 ──▶ bytes
 *   tags text ───────▶ tags list ───────────────▶ tags
 *   section ─rename──▶ category ──────rename────▶ kind
 *   done bool ───────▶ status text ─────────────▶ status
 *   note ──removed     priority, default "low"    label = first / kind
 */
#ifndef COVE_TESTS_SHAPES_H
#define COVE_TESTS_SHAPES_H

#define TEXT(name) "'" name "':{'type':'string'}"

#define T1                                                                     \
    "{'title':'T','version':1,'properties':{" TEXT("name") "," TEXT(           \
        "size") "," TEXT("tags") "," TEXT("section") ","                       \
                                                     "'done':{'type':"         \
                                                     "'boolean'}," TEXT(       \
                                                         "note") "}}"
#define T2                                                                     \
    "{'title':'T','version':2,'properties':{" TEXT("first") "," TEXT(          \
        "last") ",'size':{'type':'integer'},'tags':{'type':"                   \
                "'array'}," TEXT("category") "," TEXT(                         \
                    "stat"                                                     \
                    "us") ",'priority':{'type':'string',"                      \
                          "'default':'low'}}}"
#define T3                                                                     \
    "{'title':'T','version':3,'properties':{" TEXT("first") "," TEXT(          \
        "last") ",'bytes':{'type':'integer'},'tags':{'type'"                   \
                ":'array'}," TEXT("kind") "," TEXT(                            \
                    "status") ",'priority':{'type':'string',"                  \
                              "'default':'low'}," TEXT("label") "}}"
#define SIZE_STEP                                                              \
    "{'convert':{'field':'size','to':{'type':'integer'},"                      \
    "'forward':['int_of_text'],'back':['text_of_int']}}"
#define M12                                                                    \
    "{'schema':'T','from':1,'to':2,'steps':["                                  \
    "{'split':{'field':'name','into':['first','last'],"                        \
    "'pattern':['',' ',''],'lenient':true}}," SIZE_STEP ","                    \
    "{'convert':{'field':'tags','to':{'type':'array'},"                        \
    "'forward':[{'split_list':','}],'back':[{'join_list':','}]}},"             \
    "{'rename':{'from':'section','to':'category'}},"                           \
    "{'convert':{'field':'done','to':{'name':'status','type':'string'},"       \
    "'forward':[{'table':[[true,'done'],[false,'todo']]}],"                    \
    "'back':[{'table':[['done',true],['todo',false]]}]}},"                     \
    "{'add':{'field':'priority','type':'string','default':'low'}},"            \
    "{'remove':'note'}]}"
#define M23                                                                    \
    "{'schema':'T','from':2,'to':3,'steps':["                                  \
    "{'convert':{'field':'size','to':{'name':'bytes','type':'integer'},"       \
    "'forward':[{'mul':1024}],'back':[{'div':1024}]}},"                        \
    "{'rename':{'from':'category','to':'kind'}},"                              \
    "{'compute':{'field':'label','from':['first','kind'],"                     \
    "'pattern':['','/','']}}]}"

/* A price in euros, then in cents. */
#define P1 "{'title':'P','version':1,'properties':{'price':{'type':'integer'}}}"
#define P2 "{'title':'P','version':2,'properties':{'cents':{'type':'integer'}}}"
#define MP                                                                     \
    "{'schema':'P','from':1,'to':2,'steps':[{'convert':{'field':'price',"      \
    "'to':{'name':'cents','type':'integer'},'forward':[{'mul':100}],"          \
    "'back':[{'div':100}]}}]}"

#endif
