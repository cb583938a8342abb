/* The floor of an item: what a C extension pays that does nothing else. A view of mapped bytes, a str made of them, and a
dict of both and a NumPy scalar.

Views(values, starts, shapes)[i]    a NumPy array on values from starts[i] on, of shape shapes[i]
Texts(values, starts, ends)[i]      the str in values[starts[i]:ends[i]]
Records(views, labels, texts)[i]    {"tokens": views[i], "label": labels[i], "text": texts[i]}

All arrays are C-contiguous; starts, ends, shapes and labels are int64. Nothing that the arrays say is checked. */

#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_1_22_API_VERSION
#include <Python.h>
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>

typedef struct {
    PyObject_HEAD
    PyArrayObject *values, *starts, *others;
    char *first_byte;
    npy_int64 *start, *other;
    PyArray_Descr *dtype;
    Py_ssize_t item_size, length;
    int axes;
} Floor;

static PyObject *view(PyObject *self, Py_ssize_t i) {
    Floor *f = (Floor *)self;
    if (i < 0 || i >= f->length) {
        PyErr_SetString(PyExc_IndexError, "no such sample");
        return NULL;
    }
    Py_INCREF(f->dtype);
    PyObject *array =
        PyArray_NewFromDescr(&PyArray_Type, f->dtype, f->axes, (npy_intp *)f->other + i * f->axes, NULL,
                             f->first_byte + f->start[i] * f->item_size, NPY_ARRAY_ALIGNED, NULL);
    if (array) {
        Py_INCREF(f->values);
        PyArray_SetBaseObject((PyArrayObject *)array, (PyObject *)f->values);
    }
    return array;
}

static PyObject *text(PyObject *self, Py_ssize_t i) {
    Floor *f = (Floor *)self;
    if (i < 0 || i >= f->length) {
        PyErr_SetString(PyExc_IndexError, "no such text");
        return NULL;
    }
    return PyUnicode_FromStringAndSize(f->first_byte + f->start[i], f->other[i] - f->start[i]);
}

static Py_ssize_t as_index(PyObject *key) {
    return PyLong_CheckExact(key) ? PyLong_AsSsize_t(key) : PyNumber_AsSsize_t(key, PyExc_IndexError);
}

static PyObject *view_at(PyObject *self, PyObject *key) {
    return view(self, as_index(key));
}

static PyObject *text_at(PyObject *self, PyObject *key) {
    return text(self, as_index(key));
}

static PyObject *create(PyTypeObject *type, PyObject *args, PyObject *options) {
    PyArrayObject *values, *starts, *others;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyArray_Type, &values, &PyArray_Type, &starts, &PyArray_Type, &others))
        return NULL;
    Floor *f = (Floor *)type->tp_alloc(type, 0);
    if (!f) return NULL;
    f->values = (PyArrayObject *)Py_NewRef(values);
    f->starts = (PyArrayObject *)Py_NewRef(starts);
    f->others = (PyArrayObject *)Py_NewRef(others);
    f->first_byte = PyArray_DATA(values);
    f->start = PyArray_DATA(starts);
    f->other = PyArray_DATA(others);
    f->dtype = PyArray_DESCR(values);
    f->item_size = PyArray_ITEMSIZE(values);
    f->length = PyArray_SIZE(starts);
    f->axes = PyArray_NDIM(others) == 2 ? (int)PyArray_DIM(others, 1) : 1;
    return (PyObject *)f;
}

static void forget(PyObject *self) {
    Floor *f = (Floor *)self;
    Py_DECREF(f->values);
    Py_DECREF(f->starts);
    Py_DECREF(f->others);
    Py_TYPE(self)->tp_free(self);
}

static Py_ssize_t length(PyObject *self) {
    return ((Floor *)self)->length;
}

typedef struct {
    PyObject_HEAD
    PyObject *views, *texts;
    PyArrayObject *labels;
    npy_int64 *label;
} Dicts;

static PyObject *names[3];

/* Sets one entry, whose value it takes over. */
static int put(PyObject *record, PyObject *name, PyObject *value) {
    int failed = !value || PyDict_SetItem(record, name, value);
    Py_XDECREF(value);
    return failed;
}

static PyObject *record_at(PyObject *self, PyObject *key) {
    Dicts *d = (Dicts *)self;
    Py_ssize_t i = as_index(key);
    PyObject *record = PyDict_New();
    if (!record || put(record, names[0], view(d->views, i))) goto failed;
    PyObject *label = PyArrayScalar_New(Int64);
    if (!label) goto failed;
    PyArrayScalar_ASSIGN(label, Int64, d->label[i]);
    if (put(record, names[1], label) || put(record, names[2], text(d->texts, i))) goto failed;
    return record;
failed:
    Py_XDECREF(record);
    return NULL;
}

static PyObject *create_records(PyTypeObject *type, PyObject *args, PyObject *options) {
    PyObject *views, *texts;
    PyArrayObject *labels;
    if (!PyArg_ParseTuple(args, "OO!O", &views, &PyArray_Type, &labels, &texts)) return NULL;
    Dicts *d = (Dicts *)type->tp_alloc(type, 0);
    if (!d) return NULL;
    d->views = Py_NewRef(views);
    d->texts = Py_NewRef(texts);
    d->labels = (PyArrayObject *)Py_NewRef(labels);
    d->label = PyArray_DATA(labels);
    return (PyObject *)d;
}

static void forget_records(PyObject *self) {
    Dicts *d = (Dicts *)self;
    Py_DECREF(d->views);
    Py_DECREF(d->texts);
    Py_DECREF(d->labels);
    Py_TYPE(self)->tp_free(self);
}

static Py_ssize_t count(PyObject *self) {
    return PyArray_SIZE(((Dicts *)self)->labels);
}

static PySequenceMethods view_items = {.sq_length = length, .sq_item = view};
static PySequenceMethods text_items = {.sq_length = length, .sq_item = text};
static PyMappingMethods view_mapping = {.mp_length = length, .mp_subscript = view_at};
static PyMappingMethods text_mapping = {.mp_length = length, .mp_subscript = text_at};

static PyMappingMethods record_mapping = {.mp_length = count, .mp_subscript = record_at};

#define FLOOR_TYPE(NAME, ITEMS, MAPPING)                                                                          \
    {                                                                                                             \
        PyVarObject_HEAD_INIT(NULL, 0).tp_name = NAME, .tp_basicsize = sizeof(Floor),                             \
        .tp_flags = Py_TPFLAGS_DEFAULT, .tp_new = create, .tp_dealloc = forget, .tp_as_sequence = &ITEMS,         \
        .tp_as_mapping = &MAPPING                                                                                 \
    }

static PyTypeObject Views = FLOOR_TYPE("floor.Views", view_items, view_mapping);
static PyTypeObject Texts = FLOOR_TYPE("floor.Texts", text_items, text_mapping);
static PyTypeObject Records = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "floor.Records", .tp_basicsize = sizeof(Dicts),
    .tp_flags = Py_TPFLAGS_DEFAULT, .tp_new = create_records, .tp_dealloc = forget_records,
    .tp_as_mapping = &record_mapping
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "floor", .m_size = -1};

PyMODINIT_FUNC PyInit_floor(void) {
    import_array();
    if (PyType_Ready(&Views) < 0 || PyType_Ready(&Texts) < 0 || PyType_Ready(&Records) < 0) return NULL;
    const char *spelled[] = {"tokens", "label", "text"};
    for (int i = 0; i < 3; i++)
        if (!(names[i] = PyUnicode_InternFromString(spelled[i]))) return NULL;
    PyObject *made = PyModule_Create(&module);
    if (!made) return NULL;
    PyModule_AddObjectRef(made, "Views", (PyObject *)&Views);
    PyModule_AddObjectRef(made, "Texts", (PyObject *)&Texts);
    PyModule_AddObjectRef(made, "Records", (PyObject *)&Records);
    return made;
}
