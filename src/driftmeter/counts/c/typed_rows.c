/* Counting rows that were typed, see Rows in driftmeter/counts/rows.py, into the panes of a counter. */
#include <math.h>

#include "counter.h"

/* Note the columns that these rows have, and the names of those that are of no feature. */
static void note_columns(Counter *self, const Py_buffer *present, PyObject *strangers, Py_ssize_t ignored)
{
    for (Py_ssize_t i = 0; i < self->tables->columns; i++)
        self->present[i] |= ((const uint8_t *)present->buf)[i] != 0;
    if (ignored && self->strangers == NULL && !self->strangers_known)
        self->strangers = Py_NewRef(strangers);
}

/* Take the bins of one row over; returns 0, with an exception, where one is no bin. */
static int take_codes(const Tables *tables, const Py_buffer *codes, Py_ssize_t row, int32_t *to)
{
    for (Py_ssize_t i = 0; i < tables->categories; i++) {
        int64_t code = *(const int64_t *)((const char *)codes->buf + row * codes->strides[0] + i * codes->strides[1]);
        if (code < 0 || code >= tables->category[i].size) {
            PyErr_Format(PyExc_ValueError, "expected codes of bins, got %lld", (long long)code);
            return 0;
        }
        to[i] = (int32_t)code;
    }
    return 1;
}

/* The texts of a row, new; NULL, without an exception, where it has none. */
static PyObject *texts_of(PyObject *texts, Py_ssize_t row)
{
    if (PyDict_Size(texts) == 0)
        return NULL;
    PyObject *position = PyLong_FromSsize_t(row), *of_row;
    if (position == NULL)
        return NULL;
    of_row = PyDict_GetItemWithError(texts, position);
    Py_DECREF(position);
    Py_XINCREF(of_row);
    return of_row;
}

/* Count the rows from `first` to before `end`; returns how many were counted, fewer where a take is due or one failed. */
static Py_ssize_t count_all(Counter *self, const Py_buffer *numbers, const Py_buffer *codes, const Py_buffer *times,
                            PyObject *texts, Py_ssize_t first, Py_ssize_t end, Row *row, int ignored_prediction)
{
    double now;
    if (now_of(self, &now) < 0)
        return 0;
    for (Py_ssize_t i = first; i < end; i++) {
        double time = times->buf == NULL ? NAN : ((const double *)times->buf)[i];
        int counted = -1;
        row->numbers = (double *)((char *)numbers->buf + i * numbers->strides[0]);
        row->texts = texts_of(texts, i);
        if (!PyErr_Occurred() && take_codes(self->tables, codes, i, row->codes))
            counted = count_in_pane(self, row, isnan(time) ? now : time, now, ignored_prediction);
        Py_CLEAR(row->texts);
        if (counted != COUNTED)
            return i - first + (counted == COUNTED_AND_FULL);
    }
    return end - first;
}

PyObject *counter_observe_rows(PyObject *object, PyObject *args)
{
    Counter *self = (Counter *)object;
    PyObject *of_numbers, *of_codes, *texts, *strangers, *result = NULL;
    Py_buffer numbers, codes, times = {0}, present = {0};
    Py_ssize_t first, end, ignored;
    int ignored_prediction;
    if (!PyArg_ParseTuple(args, "OOz*O!nny*nO!p:observe_rows", &of_numbers, &of_codes, &times, &PyDict_Type, &texts, &first, &end,
                          &present, &ignored, &PyList_Type, &strangers, &ignored_prediction))
        return NULL;
    if (!is_made(self) || !is_counting(self)) {
        result = self->tables == NULL ? NULL : PyLong_FromLong(0);
        goto end;
    }
    const Tables *tables = self->tables;
    Py_ssize_t rows = open_matrix(of_numbers, &numbers, 0, sizeof(double), tables->numbers);
    if (rows < 0)
        goto end;
    Py_ssize_t code_rows = open_matrix(of_codes, &codes, 0, sizeof(int64_t), tables->categories);
    if (code_rows < 0)
        goto close_numbers;
    int32_t *row_codes = PyMem_Calloc((size_t)tables->categories + 1, sizeof *row_codes);
    if (row_codes == NULL)
        PyErr_NoMemory();
    else if (first < 0 || end > rows || code_rows != rows || (tables->numbers && numbers.strides[1] != sizeof(double)) ||
             present.len != tables->columns || (times.buf != NULL && times.len != rows * (Py_ssize_t)sizeof(double)))
        PyErr_SetString(PyExc_ValueError, "expected numbers row by row, and codes, times and columns that fit them");
    else {
        Row row = {NULL, row_codes, NULL, ignored};
        note_columns(self, &present, strangers, ignored);
        Py_ssize_t counted = count_all(self, &numbers, &codes, &times, texts, first, end, &row, ignored_prediction);
        if (!PyErr_Occurred() || may_be_left(ROW_FAILED)) /* the rows that were counted are told; the failed one is left */
            result = PyLong_FromSsize_t(counted);
    }
    PyMem_Free(row_codes);
    PyBuffer_Release(&codes);
close_numbers:
    PyBuffer_Release(&numbers);
end:
    PyBuffer_Release(&present);
    if (times.obj != NULL)
        PyBuffer_Release(&times);
    return result;
}
