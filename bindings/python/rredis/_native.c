/* Replies as Python's own values, in C: what rredis/_values.py does otherwise. It reads memory, and calls no function of the library.

   value(address, encoding, error): the reply at an address, with texts as bytes, or as str where encoding is no None.
   error(text) gives the exception that stands for an error of the server's. */
#define Py_LIMITED_API 0x03090000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <rredis.h>
#include <string.h>

typedef struct {
  const char *encoding; /* NULL: bytes */
  int utf8;
  PyObject *error;
} Way;

static PyObject *value(const Way *way, const rredis_reply *node);

static PyObject *text(const Way *way, const rredis_reply *node) {
  Py_ssize_t len = (Py_ssize_t)node->len;
  if (way->encoding == NULL) return PyBytes_FromStringAndSize(node->str, len);
  if (way->utf8) return PyUnicode_DecodeUTF8(node->str, len, NULL);
  return PyUnicode_Decode(node->str, len, way->encoding, NULL);
}

static PyObject *failure(const Way *way, const rredis_reply *node) {
  PyObject *said = PyUnicode_DecodeUTF8(node->str, (Py_ssize_t)node->len, "replace");
  if (said == NULL) return NULL;
  PyObject *made = PyObject_CallFunctionObjArgs(way->error, said, NULL);
  Py_DECREF(said);
  return made;
}

static PyObject *list(const Way *way, const rredis_reply *node) {
  PyObject *made = PyList_New((Py_ssize_t)node->len);
  for (size_t at = 0; made != NULL && at < node->len; at++) {
    PyObject *item = value(way, &node->elements[at]);
    if (item == NULL || PyList_SetItem(made, (Py_ssize_t)at, item) < 0) Py_CLEAR(made);
  }
  return made;
}

/* An element that has no hash leaves a list. */
static PyObject *set(const Way *way, const rredis_reply *node) {
  PyObject *items = list(way, node);
  PyObject *made = items == NULL ? NULL : PySet_New(items);
  if (items == NULL || made != NULL || !PyErr_ExceptionMatches(PyExc_TypeError)) {
    Py_XDECREF(items);
    return made;
  }
  PyErr_Clear();
  return items;
}

static PyObject *pairs(const Way *way, const rredis_reply *node) {
  PyObject *made = PyList_New((Py_ssize_t)(node->len / 2));
  for (size_t at = 0; made != NULL && at < node->len / 2; at++) {
    PyObject *key = value(way, &node->elements[2 * at]);
    PyObject *other = key == NULL ? NULL : value(way, &node->elements[2 * at + 1]);
    PyObject *pair = other == NULL ? NULL : PyTuple_Pack(2, key, other);
    Py_XDECREF(key);
    Py_XDECREF(other);
    if (pair == NULL || PyList_SetItem(made, (Py_ssize_t)at, pair) < 0) Py_CLEAR(made);
  }
  return made;
}

/* A key that has no hash leaves a list of pairs. */
static PyObject *map(const Way *way, const rredis_reply *node) {
  PyObject *made = PyDict_New();
  for (size_t at = 0; made != NULL && at + 1 < node->len; at += 2) {
    PyObject *key = value(way, &node->elements[at]);
    PyObject *other = key == NULL ? NULL : value(way, &node->elements[at + 1]);
    int set = other == NULL ? -1 : PyDict_SetItem(made, key, other);
    Py_XDECREF(key);
    Py_XDECREF(other);
    if (set == 0) continue;
    Py_CLEAR(made);
    if (other != NULL && PyErr_ExceptionMatches(PyExc_TypeError)) {
      PyErr_Clear();
      return pairs(way, node);
    }
  }
  return made;
}

static PyObject *aggregate(const Way *way, const rredis_reply *node) {
  if (Py_EnterRecursiveCall(" in a nested reply")) return NULL;
  PyObject *made = node->kind == RREDIS_REPLY_MAP ? map(way, node) : node->kind == RREDIS_REPLY_SET ? set(way, node) : list(way, node);
  Py_LeaveRecursiveCall();
  return made;
}

static PyObject *value(const Way *way, const rredis_reply *node) {
  switch (node->kind) {
    case RREDIS_REPLY_STRING:
    case RREDIS_REPLY_STATUS:
    case RREDIS_REPLY_VERBATIM: return text(way, node);
    case RREDIS_REPLY_INTEGER: return PyLong_FromLongLong(node->integer);
    case RREDIS_REPLY_BOOL: return PyBool_FromLong(node->integer == 1);
    case RREDIS_REPLY_DOUBLE: return PyFloat_FromDouble(node->number);
    case RREDIS_REPLY_BIG_NUMBER: return PyLong_FromString(node->str, NULL, 10);
    case RREDIS_REPLY_ERROR: return failure(way, node);
    case RREDIS_REPLY_ARRAY:
    case RREDIS_REPLY_SET:
    case RREDIS_REPLY_MAP:
    case RREDIS_REPLY_PUSH: return aggregate(way, node);
    default: Py_RETURN_NONE;
  }
}

static PyObject *value_at(PyObject *self, PyObject *args) {
  unsigned long long address;
  Way way = {NULL, 0, NULL};
  (void)self;
  if (!PyArg_ParseTuple(args, "KzO", &address, &way.encoding, &way.error)) return NULL;
  way.utf8 = way.encoding != NULL && (strcmp(way.encoding, "utf-8") == 0 || strcmp(way.encoding, "utf8") == 0);
  return value(&way, (const rredis_reply *)(uintptr_t)address);
}

static PyMethodDef functions[] = {{"value", value_at, METH_VARARGS, "The value of the reply at an address."}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
