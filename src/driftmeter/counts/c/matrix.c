/* Counting the rows of a matrix of doubles, see counter.c. */
#include <string.h>

#include "counter.h"

/* Count rows that are numbers alone; returns how many were counted, fewer where a take is due or one failed. */
static Py_ssize_t count_blocks(Counter *self, const Py_buffer *view, Py_ssize_t first, Py_ssize_t end, double now)
{
    const Tables *tables = self->tables;
    double *block = PyMem_Malloc((size_t)tables->numbers * ROWS_AT_ONCE * sizeof *block + 1);
    if (block == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    Source source = {NULL, Py_None, self->positions, self->of_numbers};
    Py_ssize_t i = first;
    for (int counted = COUNTED; i < end && counted == COUNTED;) {
        Py_ssize_t rows = end - i < ROWS_AT_ONCE ? end - i : ROWS_AT_ONCE;
        const char *from = (const char *)view->buf + i * view->strides[0];
        for (Py_ssize_t k = 0; k < rows; k++, from += view->strides[0]) {
            Row row = {block + k * tables->numbers, NULL, NULL, 0};
            read_doubles(tables, from, view->strides[1], &source, &row);
        }
        counted = count_numbers_in_pane(self, block, rows, now);
        i += counted > NOT_COUNTED ? rows : 0;
    }
    PyMem_Free(block);
    return i - first;
}

/* The same for rows of any columns, with predictions or None. */
static Py_ssize_t count_rows(Counter *self, const Py_buffer *view, PyObject *predictions, Py_ssize_t first, Py_ssize_t end,
                             double now)
{
    const Tables *tables = self->tables;
    double *numbers = PyMem_Malloc((size_t)tables->numbers * sizeof *numbers + (size_t)tables->categories * 4 + 1);
    if (numbers == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    Row row = {numbers, (int32_t *)(numbers + tables->numbers), NULL, self->nameless};
    Py_ssize_t i = first;
    for (int counted = COUNTED; i < end && counted == COUNTED;) {
        PyObject *prediction = predictions == Py_None ? Py_None : PyList_GetItem(predictions, i);
        Py_XINCREF(prediction); /* code that reads a value may empty the list */
        Source source = {NULL, prediction, self->positions, self->of_numbers};
        Outcome outcome = ROW_FAILED;
        if (prediction != NULL && is_single(tables, prediction))
            outcome = read_doubles(tables, (const char *)view->buf + i * view->strides[0], view->strides[1], &source, &row);
        counted = outcome == ROW_READ ? count_read(self, &row, prediction, now, now) : NOT_COUNTED;
        Py_CLEAR(row.texts);
        Py_XDECREF(prediction);
        i += counted > NOT_COUNTED;
    }
    PyMem_Free(numbers);
    return i - first;
}

/* Count the rows of a matrix of doubles from `first` to before `end` now; returns how many were counted. */
PyObject *counter_observe_matrix(PyObject *object, PyObject *args)
{
    Counter *self = (Counter *)object;
    const Tables *tables = self->tables;
    PyObject *matrix, *predictions, *result = NULL;
    Py_ssize_t first, end;
    Py_buffer view;
    double now;
    if (!PyArg_ParseTuple(args, "OOnn:observe_matrix", &matrix, &predictions, &first, &end))
        return NULL;
    if (!is_counting(self))
        return PyLong_FromLong(0);
    if (PyObject_GetBuffer(matrix, &view, PyBUF_STRIDES | PyBUF_FORMAT) < 0)
        return NULL;
    int fits = self->positions != NULL && view.ndim == 2 && view.shape[1] == self->given && view.format != NULL &&
               strcmp(view.format, "d") == 0 && first >= 0 && end <= view.shape[0] &&
               (predictions == Py_None || PyList_CheckExact(predictions));
    if (!fits)
        PyErr_SetString(PyExc_ValueError, "expected a matrix of float64 with the named columns, and a list of predictions");
    else if (now_of(self, &now) == 0 && is_counting(self)) { /* the clock may be anyone's code */
        note_present(self);
        Py_ssize_t counted = predictions == Py_None && tables->categories == 0
                                 ? count_blocks(self, &view, first, end, now)
                                 : count_rows(self, &view, predictions, first, end, now);
        if (!PyErr_Occurred() || may_be_left(ROW_FAILED)) /* the rows that were counted are told; the failed one is left */
            result = PyLong_FromSsize_t(counted);
    }
    else if (!PyErr_Occurred())
        result = PyLong_FromLong(0);
    PyBuffer_Release(&view);
    return result;
}
