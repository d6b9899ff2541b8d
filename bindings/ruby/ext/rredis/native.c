// The way of a command, a run and a message there and back, and of a reply to values, in C. Each part stands in the place of
// one in Ruby, which is used where this was not built. The functions are those of the library that the gem has opened.
#include <dlfcn.h>
#include <rredis.h>
#include <ruby.h>
#include <ruby/encoding.h>
#include <ruby/thread.h>
#include <stdbool.h>

#define FUNCTIONS(F)                                                                                              \
  F(client_new_at) F(client_servers) F(client_command_with) F(pool_warm) F(pipeline_add_with) F(pipeline_clear)    \
  F(pipeline_watch) F(pipeline_command) F(pipeline_run_with) F(conn_new) F(conn_command_with) F(conn_send_with)        \
  F(conn_receive) F(script_run_with) F(pubsub_subscribe) F(pubsub_unsubscribe) F(pubsub_next) F(reply_free)        \
  F(version_number)
#define DECLARE(name) static __typeof__(rredis_##name) *name##_;
FUNCTIONS(DECLARE)

static VALUE client_class, pipeline_class, server_error, arguments, failing, set_class;
static ID id_slots, id_aside, id_callbacks, id_closed, id_queue, id_open_slot, id_execute_otherwise, id_call, id_made,
    id_new, id_texts, id_free_last, id_check_open;
static rb_encoding *encoding;

// ---- Values -------------------------------------------------------------------------

static VALUE text(const rredis_reply *node) { return rb_enc_str_new(node->str, (long)node->len, encoding); }

static VALUE value(const rredis_reply *node);

static VALUE list(const rredis_reply *node) {
  // A reply may be nested as deeply as the options allow.
  if (ruby_stack_check()) rb_raise(rb_eSysStackError, "a reply is nested too deeply");
  VALUE made = rb_ary_new_capa((long)node->len);
  for (size_t at = 0; at < node->len; at++) rb_ary_push(made, value(&node->elements[at]));
  return made;
}

static VALUE map(const rredis_reply *node) {
  if (ruby_stack_check()) rb_raise(rb_eSysStackError, "a reply is nested too deeply");
  VALUE made = rb_hash_new();
  for (size_t at = 0; at + 1 < node->len; at += 2) {
    VALUE key = value(&node->elements[at]);
    // Of a text that is not frozen a Hash makes a copy.
    if (RB_TYPE_P(key, T_STRING)) rb_obj_freeze(key);
    rb_hash_aset(made, key, value(&node->elements[at + 1]));
  }
  return made;
}

static VALUE value(const rredis_reply *node) {
  switch (node->kind) {
    case RREDIS_REPLY_STRING:
    case RREDIS_REPLY_STATUS:
    case RREDIS_REPLY_VERBATIM: return text(node);
    case RREDIS_REPLY_INTEGER: return LL2NUM(node->integer);
    case RREDIS_REPLY_BOOL: return node->integer == 1 ? Qtrue : Qfalse;
    case RREDIS_REPLY_DOUBLE: return DBL2NUM(node->number);
    case RREDIS_REPLY_BIG_NUMBER: return rb_cstr_to_inum(node->str, 10, 1);
    case RREDIS_REPLY_ERROR: return rb_funcall(server_error, id_new, 1, text(node));
    case RREDIS_REPLY_ARRAY:
    case RREDIS_REPLY_PUSH: return list(node);
    case RREDIS_REPLY_SET: return rb_funcall(set_class, id_new, 1, list(node));
    case RREDIS_REPLY_MAP: return map(node);
    default: return Qnil;
  }
}

// In place of Reply.value: the value of the reply at an address.
static VALUE value_at(VALUE self, VALUE address) { return value((const rredis_reply *)NUM2ULL(address)); }

// ---- Waiting ------------------------------------------------------------------------

// A call that may wait, without the lock of the interpreter. state is what Ruby raised in it: a number of rb_protect's.
struct call {
  void (*run)(struct call *);
  uintptr_t a[11], handle;
  VALUE thread;
  rredis_status status;
  bool ran, asking;
  int state;
  struct call *outer;
};

// The innermost call of this thread.
static __thread struct call *current;

static VALUE interrupts(VALUE nothing) {
  rb_thread_check_ints();
  return nothing;
}

static void *with_lock(void *pointer) {
  struct call *call = pointer;
  call->asking = true;
  rb_protect(interrupts, Qnil, &call->state);
  call->asking = false;
  return NULL;
}

// What the library asks while it waits. What a signal's handler does is done here, and if it raises nothing, the wait goes on.
// What is raised, by Ctrl-C, Thread#kill or Timeout, is kept until the library's frames are gone. A call that was not made here
// has another way to end.
static rredis_status ask(void *flag) {
  if (flag != NULL && *(volatile char *)flag != 0) return RREDIS_ERR_WOKEN;
  if (current == NULL || !rb_thread_interrupted(current->thread)) return RREDIS_OK;
  if (current->state == 0) rb_thread_call_with_gvl(with_lock, current);
  return current->state == 0 ? RREDIS_OK : RREDIS_ERR_WOKEN;
}

static void *without_lock(void *pointer) {
  struct call *call = pointer;
  call->ran = true;
  call->run(call);
  return NULL;
}

// Whoever wants something of the thread sends it a signal meanwhile, after which the library asks. Nothing is raised here.
static void wait_for(struct call *call) {
  call->thread = rb_thread_current();
  call->outer = current;
  current = call;
  while (!call->ran && call->state == 0) {
    rb_thread_call_without_gvl2(without_lock, call, RUBY_UBF_IO, NULL);
    if (!call->ran) rb_protect(interrupts, Qnil, &call->state);
  }
  current = call->outer;
}

// A handler of a signal that runs while a handle waits may use any other.
static void refuse_if_waiting(uintptr_t handle) {
  for (struct call *call = current; call != NULL; call = call->outer) {
    if (!call->asking || call->handle != handle) continue;
    VALUE why = rb_str_new_cstr("a handler of a signal has interrupted a call of this handle, and cannot use it");
    rb_exc_raise(rb_funcall(failing, id_new, 2, ID2SYM(rb_intern("state")), why));
  }
}

// A number as it is, nil as NULL, and a String as the address of its bytes.
static uintptr_t word(VALUE argument) {
  if (NIL_P(argument)) return 0;
  if (RB_TYPE_P(argument, T_STRING)) return (uintptr_t)RSTRING_PTR(argument);
  return (uintptr_t)NUM2ULL(argument);
}

static VALUE waited(int argc, VALUE *argv, void (*run)(struct call *), int handle) {
  struct call call = {.run = run};
  for (int at = 0; at < argc && at < 11; at++) call.a[at] = word(argv[at]);
  call.handle = call.a[handle];
  if (current != NULL) refuse_if_waiting(call.handle);
  wait_for(&call);
  if (call.state != 0) rb_jump_tag(call.state);
  return INT2FIX(call.status);
}

// The functions of Rredis::C that wait, by the signatures that they have there.
#define P(n) ((void *)a[n])
#define WAITS(name, handle, ...)                                                    \
  static void run_##name(struct call *call) {                                       \
    const uintptr_t *a = call->a;                                                   \
    call->status = name##_(__VA_ARGS__);                                            \
  }                                                                                 \
  static VALUE wait_##name(int argc, VALUE *argv, VALUE self) {                     \
    return waited(argc, argv, run_##name, handle);                                  \
  }
WAITS(client_new_at, 0, P(0), (rredis_target)a[1], P(2), a[3], P(4), P(5))
WAITS(client_servers, 0, P(0), P(1), P(2))
WAITS(client_command_with, 0, P(0), a[1], P(2), P(3), (uint32_t)a[4], (int64_t)a[5], P(6), P(7), P(8))
WAITS(pool_warm, 0, P(0), a[1], P(2))
WAITS(pipeline_watch, 0, P(0), a[1], P(2), P(3), P(4))
WAITS(pipeline_command, 0, P(0), a[1], P(2), P(3), P(4), P(5))
WAITS(pipeline_run_with, 0, P(0), (rredis_pipeline_mode)a[1], (uint32_t)a[2], (int64_t)a[3], P(4), P(5))
WAITS(conn_new, 0, P(0), P(1), P(2))
WAITS(conn_command_with, 0, P(0), a[1], P(2), P(3), (uint32_t)a[4], (int64_t)a[5], P(6), P(7), P(8))
WAITS(conn_send_with, 0, P(0), a[1], P(2), P(3), (uint32_t)a[4], P(5))
WAITS(conn_receive, 0, P(0), (int64_t)a[1], P(2), P(3))
WAITS(script_run_with, 1, P(0), P(1), a[2], a[3], P(4), P(5), (uint32_t)a[6], (int64_t)a[7], P(8), P(9), P(10))
WAITS(pubsub_subscribe, 0, P(0), (rredis_topic)a[1], a[2], P(3), P(4), P(5))
WAITS(pubsub_unsubscribe, 0, P(0), (rredis_topic)a[1], a[2], P(3), P(4), P(5))
WAITS(pubsub_next, 0, P(0), (int64_t)a[1], P(2), P(3))

// The two that do not wait and that each run calls.
static VALUE pipeline_clear_at(VALUE self, VALUE pipeline) {
  pipeline_clear_((void *)word(pipeline));
  return Qnil;
}

static VALUE reply_free_at(VALUE self, VALUE reply) {
  reply_free_((void *)word(reply));
  return Qnil;
}

// ---- Arguments ----------------------------------------------------------------------

// A text up to this length is copied before a call, so that another thread may change it meanwhile. A longer one is frozen:
// whoever changes it gets a copy.
enum { COPIED = 4096 };

// The text of an argument that is a String, a Symbol or a small number, or else nil.
static VALUE simple(VALUE argument) {
  if (RB_TYPE_P(argument, T_STRING)) return argument;
  return FIXNUM_P(argument) || RB_SYMBOL_P(argument) ? rb_obj_as_string(argument) : Qnil;
}

static size_t room(size_t count, const VALUE *texts) {
  size_t bytes = 0;
  for (size_t at = 0; at < count; at++) {
    size_t len = (size_t)RSTRING_LEN(texts[at]);
    if (len <= COPIED) bytes += len;
  }
  return bytes;
}

static void place(size_t count, VALUE *texts, char *bytes, const char **argv, size_t *lens) {
  for (size_t at = 0; at < count; at++) {
    lens[at] = (size_t)RSTRING_LEN(texts[at]);
    if (lens[at] > COPIED) {
      texts[at] = rb_str_new_frozen(texts[at]);
      argv[at] = RSTRING_PTR(texts[at]);
    } else {
      memcpy(bytes, RSTRING_PTR(texts[at]), lens[at]);
      argv[at] = bytes;
      bytes += lens[at];
    }
  }
}

// texts, bytes, argv and lens of count texts, which copy puts into texts. What is on the heap is freed by FREE_TEXTS.
#define MAKE_TEXTS(count)                                             \
  VALUE held_texts, held_bytes, held_argv, held_lens;                 \
  VALUE *texts = ALLOCV_N(VALUE, held_texts, (count) + 1);            \
  const char **argv = ALLOCV_N(const char *, held_argv, (count) + 1); \
  size_t *lens = ALLOCV_N(size_t, held_lens, (count) + 1)
#define PLACE_TEXTS(count)                                            \
  char *bytes = ALLOCV_N(char, held_bytes, room(count, texts) + 1);   \
  place(count, texts, bytes, argv, lens)
#define FREE_TEXTS ALLOCV_END(held_texts), ALLOCV_END(held_argv), ALLOCV_END(held_lens), ALLOCV_END(held_bytes)

// Arguments.texts of words and arguments, as an Array.
static VALUE texts_of(VALUE words, int argc, const VALUE *argv, VALUE options) {
  VALUE all = NIL_P(words) ? rb_ary_new_capa(argc) : rb_ary_dup(words);
  rb_ary_cat(all, argv, argc);
  return rb_funcall(arguments, id_texts, 2, all, options);
}

// Queue the texts of a command: Native.add(pipeline, texts, flags, err), as C.pipeline_add_with.
static VALUE add(VALUE self, VALUE pipeline, VALUE all, VALUE flags, VALUE err) {
  size_t count = (size_t)RARRAY_LEN(all);
  MAKE_TEXTS(count);
  for (size_t at = 0; at < count; at++) texts[at] = rb_ary_entry(all, (long)at);
  PLACE_TEXTS(count);
  refuse_if_waiting(word(pipeline));
  rredis_status status =
      pipeline_add_with_((void *)word(pipeline), count, argv, lens, NUM2UINT(flags), NULL, (rredis_error *)word(err));
  FREE_TEXTS;
  return INT2FIX(status);
}

// ---- Commands -----------------------------------------------------------------------

// Where Client::Slot has what.
enum { SLOT_CLIENT, SLOT_ERR, SLOT_BUSY, SLOT_LAST };

struct command {
  size_t count;
  const char *const *argv;
  const size_t *lens;
  rredis_reply *reply;
  rredis_error err;
};

static void run_command(struct call *call) {
  struct command *command = (struct command *)call->a[0];
  call->status = client_command_with_((rredis_client *)call->handle, command->count, command->argv, command->lens, 0, 0,
                                      NULL, &command->reply, &command->err);
}

static VALUE value_of(VALUE reply) { return value((const rredis_reply *)reply); }

static VALUE free_reply(VALUE reply) {
  reply_free_((rredis_reply *)reply);
  return Qnil;
}

// The value of the reply, which is freed.
static VALUE taken(rredis_reply *reply) {
  if (reply->kind >= RREDIS_REPLY_ERROR) return rb_ensure(value_of, (VALUE)reply, free_reply, (VALUE)reply);
  VALUE made = value(reply);
  reply_free_(reply);
  return made;
}

// The slot of this thread, if a call may begin in it at once.
static VALUE slot_of(VALUE client) {
  VALUE callbacks = rb_ivar_get(client, id_callbacks);
  if (RTEST(rb_ivar_get(client, id_closed)) || RTEST(rb_ivar_get(client, id_aside)) || RHASH_SIZE(callbacks) > 0) return Qnil;
  VALUE slot = rb_hash_lookup(rb_ivar_get(client, id_slots), rb_thread_current());
  if (NIL_P(slot)) slot = rb_funcall(client, id_open_slot, 0);
  return RSTRUCT_GET(slot, SLOT_BUSY) == INT2FIX(0) ? slot : Qnil;
}

// close looks at whether a slot is busy only after it has said that the client is closed.
static void begin_call(VALUE client, VALUE slot) {
  RSTRUCT_SET(slot, SLOT_BUSY, INT2FIX(1));
  if (!RTEST(rb_ivar_get(client, id_closed))) return;
  RSTRUCT_SET(slot, SLOT_BUSY, INT2FIX(0));
  rb_funcall(client, id_check_open, 0);
}

static VALUE sent(VALUE client, VALUE slot, struct command *command) {
  begin_call(client, slot);
  struct call call = {.run = run_command, .a = {(uintptr_t)command}, .handle = word(RSTRUCT_GET(slot, SLOT_CLIENT))};
  wait_for(&call);
  RSTRUCT_SET(slot, SLOT_BUSY, INT2FIX(0));
  if (RTEST(RSTRUCT_GET(slot, SLOT_LAST))) rb_funcall(client_class, id_free_last, 1, slot);
  if (call.state != 0) {
    reply_free_(command->reply);
    rb_jump_tag(call.state);
  }
  if (call.status == RREDIS_OK) return taken(command->reply);
  VALUE err = rb_str_new((const char *)&command->err, sizeof command->err);
  rb_exc_raise(rb_funcall(failing, id_made, 1, err));
}

// Client#execute in C. words: the first words of the command, or nil.
static VALUE execute(VALUE client, VALUE words, int argc, const VALUE *given, VALUE options) {
  size_t first = NIL_P(words) ? 0 : (size_t)RARRAY_LEN(words), count = first + (size_t)argc;
  VALUE all = Qnil;
  for (int at = 0; at < argc && NIL_P(all); at++) {
    VALUE argument = given[at];
    if (!RB_TYPE_P(argument, T_STRING) && !FIXNUM_P(argument) && !RB_SYMBOL_P(argument)) all = texts_of(words, argc, given, options);
  }
  if (NIL_P(all) && !NIL_P(options) && RHASH_SIZE(options) > 0) all = texts_of(words, argc, given, options);
  if (!NIL_P(all)) count = (size_t)RARRAY_LEN(all);

  VALUE slot = slot_of(client);
  if (NIL_P(slot)) {
    if (NIL_P(all)) all = texts_of(words, argc, given, Qnil);
    return rb_funcall(client, id_execute_otherwise, 2, rb_hash_new(), all);
  }
  MAKE_TEXTS(count);
  for (size_t at = 0; at < count; at++) {
    if (!NIL_P(all)) texts[at] = rb_ary_entry(all, (long)at);
    else texts[at] = at < first ? rb_ary_entry(words, (long)at) : simple(given[at - first]);
  }
  PLACE_TEXTS(count);
  struct command command = {.count = count, .argv = argv, .lens = lens};
  VALUE made = sent(client, slot, &command);
  RB_GC_GUARD(all);
  FREE_TEXTS;
  return made;
}

// In place of Client#call.
static VALUE call(int argc, VALUE *argv, VALUE client) {
  VALUE options = rb_keyword_given_p() ? argv[--argc] : Qnil;
  return execute(client, Qnil, argc, argv, options);
}

// The words of each command that is a method, by its name.
static VALUE words_of;

// Queue a command of simple arguments, as Pipeline#call does.
static VALUE queue(VALUE pipeline, VALUE words, int argc, const VALUE *argv) {
  VALUE texts = rb_ary_dup(words);
  for (int at = 0; at < argc; at++) {
    VALUE text = simple(argv[at]);
    if (NIL_P(text)) {
      texts = texts_of(words, argc, argv, Qnil);
      break;
    }
    rb_ary_push(texts, text);
  }
  rb_ary_push(rb_ivar_get(pipeline, id_queue), rb_ary_new_from_args(3, texts, Qnil, INT2FIX(0)));
  return pipeline;
}

// A command as a method: of a client, of a pipeline, or of whatever else includes Commands.
static VALUE named(int argc, VALUE *argv, VALUE self) {
  VALUE options = rb_keyword_given_p() ? argv[argc - 1] : Qnil;
  VALUE words = rb_hash_lookup(words_of, ID2SYM(rb_frame_this_func()));
  if (NIL_P(words)) rb_raise(rb_eNoMethodError, "a command's method has lost its name");
  VALUE kind = rb_obj_class(self);
  if (kind == client_class) return execute(self, words, NIL_P(options) ? argc : argc - 1, argv, options);
  if (kind == pipeline_class && NIL_P(options)) return queue(self, words, argc, argv);
  VALUE all = rb_ary_dup(words);
  rb_ary_cat(all, argv, argc);
  return rb_funcallv_kw(self, id_call, (int)RARRAY_LEN(all), RARRAY_CONST_PTR(all), NIL_P(options) ? RB_NO_KEYWORDS : RB_PASS_KEYWORDS);
}

// Native.define(Commands, :get, ["GET"]).
static VALUE define(VALUE self, VALUE module, VALUE name, VALUE words) {
  rb_hash_aset(words_of, name, rb_obj_freeze(words));
  rb_define_method_id(module, rb_sym2id(name), named, -1);
  return name;
}

// ---- Beginning ----------------------------------------------------------------------

static VALUE constant(VALUE of, const char *name) {
  VALUE found = rb_const_get(of, rb_intern(name));
  rb_gc_register_mark_object(found);
  return found;
}

// Native.open(file): the functions of the library, as rredis/library has opened it. false: it is older than the header is.
static VALUE open_library(VALUE self, VALUE file) {
  void *library = dlopen(StringValueCStr(file), RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) rb_raise(rb_eLoadError, "%s", dlerror());
#define FIND(name)                                                        \
  name##_ = (__typeof__(name##_))dlsym(library, "rredis_" #name);         \
  if (name##_ == NULL) return Qfalse;
  FUNCTIONS(FIND)
  return version_number_() >= RREDIS_VERSION_OF_HEADER ? Qtrue : Qfalse;
}

// Native.begin: the classes of the gem are there.
static VALUE begin(VALUE self) {
  VALUE gem = rb_const_get(rb_cObject, rb_intern("Rredis"));
  client_class = constant(gem, "Client");
  pipeline_class = constant(gem, "Pipeline");
  server_error = constant(gem, "ServerError");
  arguments = constant(gem, "Arguments");
  failing = constant(gem, "Failing");
  set_class = constant(rb_cObject, "Set");
  encoding = rb_default_external_encoding();
  return Qnil;
}

void Init_native(void) {
  struct { ID *id; const char *name; } ids[] = {
      {&id_slots, "@slots"}, {&id_aside, "@aside"}, {&id_callbacks, "@callbacks"}, {&id_closed, "@closed"},
      {&id_queue, "@queue"}, {&id_open_slot, "open_slot"}, {&id_execute_otherwise, "execute_otherwise"},
      {&id_call, "call"}, {&id_made, "made"}, {&id_new, "new"}, {&id_texts, "texts"}, {&id_free_last, "free_last"},
      {&id_check_open, "check_open"}};
  for (size_t at = 0; at < sizeof ids / sizeof *ids; at++) *ids[at].id = rb_intern(ids[at].name);
  words_of = rb_hash_new();
  rb_gc_register_mark_object(words_of);

  VALUE native = rb_define_module_under(rb_define_module("Rredis"), "Native");
  rb_define_const(native, "INTERRUPTED", ULL2NUM((uintptr_t)ask));
  rb_define_singleton_method(native, "open", open_library, 1);
  rb_define_singleton_method(native, "begin", begin, 0);
  rb_define_singleton_method(native, "define", define, 3);
  rb_define_singleton_method(native, "add", add, 4);
  rb_define_method(rb_define_module_under(native, "Replies"), "value", value_at, 1);
  rb_define_method(rb_define_module_under(native, "Clients"), "call", call, -1);
  VALUE functions = rb_define_module_under(native, "Functions");
  rb_define_method(functions, "pipeline_clear", pipeline_clear_at, 1);
  rb_define_method(functions, "reply_free", reply_free_at, 1);
#define HAS(name) rb_define_method(functions, #name, wait_##name, -1)
  HAS(client_new_at), HAS(client_servers), HAS(client_command_with), HAS(pool_warm), HAS(pipeline_watch);
  HAS(pipeline_command), HAS(pipeline_run_with), HAS(conn_new), HAS(conn_command_with), HAS(conn_send_with);
  HAS(conn_receive), HAS(script_run_with), HAS(pubsub_subscribe), HAS(pubsub_unsubscribe), HAS(pubsub_next);
}
