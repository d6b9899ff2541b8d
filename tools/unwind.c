// What librredis.so needs of libgcc_s, each function looked up when it is first called: that is when a panic unwinds, or a thread
// that is cancelled, or an exception of the program's. So nobody loads libgcc_s with the library, which takes longer than all
// else of loading it. glibc's own pthread_cancel finds it in this way too.
//
// Where libgcc_s cannot be found or opened then (a chroot without it, no descriptor left), the process ends as it does where a
// panic cannot unwind.
#include <dlfcn.h>
#include <stdlib.h>
#include <unwind.h>

// Looked up by any thread, also by several at once: all find the same.
static void *found(void **known, const char *name) {
  void *function = __atomic_load_n(known, __ATOMIC_ACQUIRE);
  if (function != NULL) return function;
  void *library = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
  function = library == NULL ? NULL : dlsym(library, name);
  if (function == NULL) abort();
  __atomic_store_n(known, function, __ATOMIC_RELEASE);
  return function;
}

#define FOUND(name) \
  static void *known; \
  __extension__ typeof(&name) function = (typeof(&name))found(&known, #name)

_Unwind_Reason_Code _Unwind_RaiseException(struct _Unwind_Exception *exception) {
  FOUND(_Unwind_RaiseException);
  return function(exception);
}

void _Unwind_Resume(struct _Unwind_Exception *exception) {
  FOUND(_Unwind_Resume);
  function(exception);
  abort();
}

void _Unwind_DeleteException(struct _Unwind_Exception *exception) {
  FOUND(_Unwind_DeleteException);
  function(exception);
}

_Unwind_Reason_Code _Unwind_Backtrace(_Unwind_Trace_Fn each, void *data) {
  FOUND(_Unwind_Backtrace);
  return function(each, data);
}

_Unwind_Ptr _Unwind_GetIP(struct _Unwind_Context *context) {
  FOUND(_Unwind_GetIP);
  return function(context);
}

_Unwind_Ptr _Unwind_GetIPInfo(struct _Unwind_Context *context, int *before) {
  FOUND(_Unwind_GetIPInfo);
  return function(context, before);
}

void _Unwind_SetIP(struct _Unwind_Context *context, _Unwind_Ptr to) {
  FOUND(_Unwind_SetIP);
  function(context, to);
}

void _Unwind_SetGR(struct _Unwind_Context *context, int which, _Unwind_Word to) {
  FOUND(_Unwind_SetGR);
  function(context, which, to);
}

void *_Unwind_GetLanguageSpecificData(struct _Unwind_Context *context) {
  FOUND(_Unwind_GetLanguageSpecificData);
  return function(context);
}

_Unwind_Ptr _Unwind_GetRegionStart(struct _Unwind_Context *context) {
  FOUND(_Unwind_GetRegionStart);
  return function(context);
}

_Unwind_Ptr _Unwind_GetDataRelBase(struct _Unwind_Context *context) {
  FOUND(_Unwind_GetDataRelBase);
  return function(context);
}

_Unwind_Ptr _Unwind_GetTextRelBase(struct _Unwind_Context *context) {
  FOUND(_Unwind_GetTextRelBase);
  return function(context);
}

_Unwind_Word _Unwind_GetCFA(struct _Unwind_Context *context) {
  FOUND(_Unwind_GetCFA);
  return function(context);
}

void *_Unwind_FindEnclosingFunction(void *at) {
  FOUND(_Unwind_FindEnclosingFunction);
  return function(at);
}
