/* The counter: the counts of one source's rows by pane, from one `take` to the next.

   Every call is atomic under the GIL from the moment when a row was read: the row is in all features' counts, or in none. */
#include <math.h>
#include <string.h>

#include "counter.h"

/* Rows of so many features are read on the stack. */
enum { ON_STACK = 128 };

static int counter_init(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *keys[] = {"tables", "clock", "array_type", "ahead", "most_panes", "most_texts", "positions", "given", "ignored", NULL};
    Counter *self = (Counter *)object;
    PyObject *tables, *clock, *array_type;
    Py_buffer positions = {0};
    long long ahead;
    if (self->present != NULL) {
        PyErr_SetString(PyExc_TypeError, "a counter cannot be made anew");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOOLnn|z*nn:Counter", keys, &tables, &clock, &array_type, &ahead,
                                     &self->most_panes, &self->most_texts, &positions, &self->given, &self->nameless))
        return -1;
    int failed = -1;
    PyObject *type = PyObject_GetAttrString((PyObject *)Py_TYPE(object), "tables_type");
    int is_tables = type == NULL ? -1 : PyObject_IsInstance(tables, type);
    Py_XDECREF(type);
    if (is_tables < 1) {
        if (is_tables == 0)
            PyErr_SetString(PyExc_TypeError, "expected Tables");
        goto end;
    }
    if (!reads_rows((Tables *)tables))
        goto end;
    const Tables *of = (Tables *)tables;
    Py_ssize_t columns = of->columns;
    if ((self->present = PyMem_Calloc((size_t)columns + 1, 1)) == NULL) {
        PyErr_NoMemory();
        goto end;
    }
    if (positions.buf != NULL) {
        if (positions.len != columns * (Py_ssize_t)sizeof(int32_t)) {
            PyErr_Format(PyExc_ValueError, "expected positions of %zd columns, got %zd bytes", columns, positions.len);
            goto end;
        }
        if ((self->positions = PyMem_Malloc((size_t)positions.len + 1)) == NULL) {
            PyErr_NoMemory();
            goto end;
        }
        self->of_numbers = PyMem_Calloc((size_t)of->read + 1, sizeof *self->of_numbers);
        if (self->of_numbers == NULL) {
            PyErr_NoMemory();
            goto end;
        }
        memcpy(self->positions, positions.buf, (size_t)positions.len);
        for (Py_ssize_t i = 0; i < columns; i++)
            if (self->positions[i] < -1 || self->positions[i] >= self->given) {
                PyErr_Format(PyExc_ValueError, "expected positions below %zd, got %d", self->given, (int)self->positions[i]);
                goto end;
            }
        for (Py_ssize_t i = 0; i < of->read; i++)
            self->of_numbers[i] = self->positions[of->number[i].column];
    }
    Py_INCREF(tables), Py_INCREF(clock), Py_INCREF(array_type);
    self->tables = (Tables *)tables, self->clock = clock, self->array_type = array_type, self->ahead = ahead;
    failed = 0;
end:
    if (positions.obj != NULL)
        PyBuffer_Release(&positions);
    return failed;
}

/* Whether a prediction is a value as it is, and need not be unwrapped. */
int is_single(const Tables *tables, PyObject *prediction)
{
    return tables->prediction < 0 || prediction == Py_None || PyFloat_CheckExact(prediction) || PyLong_CheckExact(prediction) ||
           PyUnicode_CheckExact(prediction) || PyBool_Check(prediction) ||
           is_number_type(tables, prediction);
}

/* Read a row without names whose values are doubles in memory. */
static Outcome read_array(Counter *self, const Source *source, Row *row)
{
    Py_buffer view;
    Outcome outcome = ROW_ELSEWHERE;
    if (PyObject_GetBuffer(source->features, &view, PyBUF_STRIDES | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        return ROW_ELSEWHERE;
    }
    if (view.ndim == 1 && view.shape[0] == self->given && view.format != NULL && strcmp(view.format, "d") == 0)
        outcome = read_doubles(self->tables, view.buf, view.strides[0], source, row);
    PyBuffer_Release(&view);
    return outcome;
}

/* Note which columns rows without names have. */
void note_present(Counter *self)
{
    for (Py_ssize_t i = 0; i < self->tables->columns; i++)
        self->present[i] |= self->positions[i] >= 0;
}

static Outcome read_any(Counter *self, const Source *source, Row *row)
{
    PyObject *features = source->features;
    row->ignored = 0;
    if (PyDict_CheckExact(features)) {
        Outcome outcome = read_dict(self->tables, source, &self->order, row, self->present);
        if (outcome == ROW_READ && row->ignored && self->strangers == NULL && !self->strangers_known) {
            PyObject *names = PyDict_Keys(features); /* a new list may start a garbage collection, see `count_in_pane` */
            if (names == NULL)
                return ROW_FAILED;
            Py_XDECREF(self->strangers);
            self->strangers = names;
        }
        return outcome;
    }
    if (self->positions == NULL)
        return ROW_ELSEWHERE;
    row->ignored = self->nameless;
    Outcome outcome = ROW_ELSEWHERE;
    if ((PyTuple_CheckExact(features) || PyList_CheckExact(features)) && PySequence_Size(features) == self->given)
        outcome = read_sequence(self->tables, source, row);
    else if ((PyObject *)Py_TYPE(features) == self->array_type)
        outcome = read_array(self, source, row);
    if (outcome == ROW_READ)
        note_present(self);
    return outcome;
}

/* The server's time in ms; returns -1 where the clock failed. */
int now_of(const Counter *self, double *now)
{
    PyObject *moment = PyObject_CallNoArgs(self->clock);
    if (moment == NULL)
        return -1;
    double seconds = PyFloat_AsDouble(moment);
    Py_DECREF(moment);
    if (seconds == -1.0 && PyErr_Occurred())
        return -1;
    *now = floor(seconds * 1000.0 + self->offset);
    return 0;
}

/* Count a row that was read; see `count_in_pane`. */
int count_read(Counter *self, const Row *row, PyObject *prediction, double time, double now)
{
    Py_ssize_t column = self->tables->prediction;
    if (prediction != Py_None && column >= 0)
        self->present[column] = 1; /* beside the row: its names do not tell */
    return count_in_pane(self, row, time, now, prediction != Py_None && column < 0);
}

/* Count one row, at `time` (ms) or, where that is NULL, now. A prediction that `is_value` is not looked into. */
static PyObject *observe(Counter *self, PyObject *features, PyObject *prediction, int is_value, const double *time)
{
    const Tables *tables = self->tables;
    double numbers[ON_STACK], now;
    int32_t codes[ON_STACK];
    Row row = {numbers, codes, NULL, 0};
    int counted = NOT_COUNTED;
    void *memory = NULL;
    if (!is_counting(self) || (!is_value && !is_single(tables, prediction)))
        return PyLong_FromLong(NOT_COUNTED);
    if (tables->numbers > ON_STACK || tables->categories > ON_STACK) {
        memory = PyMem_Malloc((size_t)tables->numbers * sizeof *numbers + (size_t)tables->categories * sizeof *codes);
        if (memory == NULL)
            return PyErr_NoMemory();
        row.numbers = memory;
        row.codes = (int32_t *)(row.numbers + tables->numbers);
    }
    Source source = {features, prediction, self->positions, self->of_numbers};
    Outcome outcome = now_of(self, &now) < 0 ? ROW_FAILED : read_any(self, &source, &row);
    if (outcome == ROW_READ)
        counted = count_read(self, &row, prediction, time == NULL ? now : *time, now);
    else if (!may_be_left(outcome))
        counted = -1;
    Py_CLEAR(row.texts);
    PyMem_Free(memory);
    return counted < 0 ? NULL : PyLong_FromLong(counted);
}

static PyObject *counter_observe(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 && count != 3) {
        PyErr_Format(PyExc_TypeError, "observe: expected features and prediction, got %zd arguments", count);
        return NULL;
    }
    return observe((Counter *)self, args[0], args[1], count == 3, NULL);
}

static PyObject *counter_observe_at(PyObject *self, PyObject *args)
{
    PyObject *features, *prediction;
    double time;
    if (!PyArg_ParseTuple(args, "OOd:observe_at", &features, &prediction, &time))
        return NULL;
    return observe((Counter *)self, features, prediction, 1, &time);
}

static PyObject *counter_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    ((Counter *)self)->closed = 1;
    Py_RETURN_NONE;
}

/* Set by what to count from now on: the offset of the server's clock, and the length of panes. */
static PyObject *counter_set_terms(PyObject *object, PyObject *args)
{
    Counter *self = (Counter *)object;
    double offset;
    long long length;
    if (!PyArg_ParseTuple(args, "dL:set_terms", &offset, &length) || !is_made(self))
        return NULL;
    if (length <= 0 || !isfinite(offset)) {
        PyErr_Format(PyExc_ValueError, "expected a length above 0 ms, got %lld", length);
        return NULL;
    }
    self->offset = offset, self->length = length;
    Py_RETURN_NONE;
}

static PyObject *counter_get_rows(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(((Counter *)self)->rows);
}

static int counter_traverse(PyObject *object, visitproc visit, void *arg)
{
    Counter *self = (Counter *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->tables);
    Py_VISIT(self->clock);
    Py_VISIT(self->array_type);
    return 0;
}

static int counter_clear(PyObject *object)
{
    ((Counter *)object)->closed = 1;
    Py_CLEAR(((Counter *)object)->clock);
    return 0;
}

static void counter_dealloc(PyObject *object)
{
    Counter *self = (Counter *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    counter_clear(object);
    Py_CLEAR(self->tables);
    Py_CLEAR(self->array_type);
    Py_CLEAR(self->strangers);
    for (Py_ssize_t i = 0; i < self->pane_count; i++) {
        Py_XDECREF(self->panes[i].counts);
        Py_XDECREF(self->panes[i].texts);
    }
    forget_order(&self->order);
    PyMem_Free(self->panes);
    PyMem_Free(self->present);
    PyMem_Free(self->positions);
    PyMem_Free(self->of_numbers);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyMethodDef counter_methods[] = {
    {"observe", (PyCFunction)(void (*)(void))counter_observe, METH_FASTCALL,
     "observe(features, prediction[, is_value]): count a row now; returns 0 where it was not counted, 2 where a take is due, "
     "else 1. With a third argument the prediction is not looked into."},
    {"observe_at", counter_observe_at, METH_VARARGS, "observe_at(features, prediction, time): the same at a time in ms."},
    {"observe_matrix", counter_observe_matrix, METH_VARARGS,
     "observe_matrix(matrix, predictions, first, end): count rows of a matrix now; returns how many were counted."},
    {"observe_rows", counter_observe_rows, METH_VARARGS,
     "observe_rows(numbers, codes, times, texts, first, end, present, ignored, strangers, ignored_prediction): count typed rows, "
     "at times in ms, (rows,) float64 with NaN for now, or all now; returns how many were counted. texts are by row, present by "
     "column; strangers names the ignored columns."},
    {"take", counter_take, METH_NOARGS,
     "take(): return (start, length, rows, counts, texts) of each pane, the numbers of ignored values and predictions, and "
     "which columns any row has had, and the names of the first row that had others; begin anew."},
    {"close", counter_close, METH_NOARGS, "close(): count nothing any more."},
    {"set_terms", counter_set_terms, METH_VARARGS,
     "set_terms(offset, length): ms from the clock to the server's time, and the length of panes in ms."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef counter_members[] = {
    {"rows", counter_get_rows, NULL, "Rows since the last take.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot counter_slots[] = {
    {Py_tp_doc, "Counter(tables, clock, array_type, ahead, most_panes, most_texts, ...): counts rows at the call."},
    {Py_tp_init, counter_init},
    {Py_tp_traverse, counter_traverse},
    {Py_tp_clear, counter_clear},
    {Py_tp_dealloc, counter_dealloc},
    {Py_tp_methods, counter_methods},
    {Py_tp_getset, counter_members},
    {0, NULL},
};

PyType_Spec counter_spec = {
    "driftmeter.counts._compiled.Counter", sizeof(Counter), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, counter_slots};
