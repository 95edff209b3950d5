/* Arrays: counting rows that were typed, and typing many rows that are dicts. */
#include "tables.h"

/* Open an array of two dimensions, of items of `item` bytes and `width` columns; returns its rows, or -1. */
Py_ssize_t open_matrix(PyObject *array, Py_buffer *view, int flags, Py_ssize_t item, Py_ssize_t width)
{
    if (PyObject_GetBuffer(array, view, PyBUF_STRIDES | flags) < 0)
        return -1;
    if (view->ndim == 2 && view->itemsize == item && view->shape[1] == width)
        return view->shape[0];
    PyErr_Format(PyExc_ValueError, "expected (rows, %zd) items of %zd bytes, got %d dimensions of %zd bytes", width, item,
                 view->ndim, view->itemsize);
    PyBuffer_Release(view);
    return -1;
}

static int open_counts(const Tables *self, PyObject *counts, Py_buffer *view)
{
    if (PyObject_GetBuffer(counts, view, PyBUF_SIMPLE | PyBUF_WRITABLE) < 0)
        return -1;
    if (view->len == self->bins * (Py_ssize_t)sizeof(int64_t))
        return 0;
    PyErr_Format(PyExc_ValueError, "expected counts over %zd bins, got %zd bytes", self->bins, view->len);
    PyBuffer_Release(view);
    return -1;
}

/* Open the matrix and the counts that are the arguments of a call; returns the rows of the matrix, or -1. */
static Py_ssize_t open_both(const Tables *self, PyObject *args, Py_ssize_t item, Py_ssize_t width, Py_buffer *view,
                            Py_buffer *into)
{
    PyObject *array, *counts;
    if (!PyArg_ParseTuple(args, "OO", &array, &counts))
        return -1;
    Py_ssize_t rows = open_matrix(array, view, 0, item, width);
    if (rows >= 0 && open_counts(self, counts, into) < 0) {
        PyBuffer_Release(view);
        return -1;
    }
    return rows;
}

PyObject *tables_count_numbers(PyObject *object, PyObject *args)
{
    Tables *self = (Tables *)object;
    Py_buffer view, into;
    Py_ssize_t rows = open_both(self, args, sizeof(double), self->numbers, &view, &into);
    if (rows < 0)
        return NULL;
    if (self->numbers && view.strides[1] != sizeof(double))
        PyErr_SetString(PyExc_ValueError, "expected numbers row by row in memory");
    else {
        Py_BEGIN_ALLOW_THREADS
        count_matrix(self, view.buf, view.strides[0], rows, into.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&into);
    PyBuffer_Release(&view);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

PyObject *tables_count_codes(PyObject *object, PyObject *args)
{
    Tables *self = (Tables *)object;
    Py_buffer view, into;
    Py_ssize_t rows = open_both(self, args, sizeof(int64_t), self->categories, &view, &into);
    if (rows < 0)
        return NULL;
    int64_t wrong = 0;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < self->categories; i++) {
        const char *codes = (const char *)view.buf + i * view.strides[1];
        int64_t *of_category = (int64_t *)into.buf + self->category[i].first;
        uint64_t size = (uint64_t)self->category[i].size;
        for (Py_ssize_t row = 0; row < rows; row++) {
            uint64_t code = *(const uint64_t *)(codes + row * view.strides[0]);
            if (code < size)
                of_category[code]++;
            else
                wrong++;
        }
    }
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&into);
    PyBuffer_Release(&view);
    if (wrong) {
        PyErr_Format(PyExc_ValueError, "expected codes of bins, got %lld others", (long long)wrong);
        return NULL;
    }
    Py_RETURN_NONE;
}

static int note_row(PyObject *list, Py_ssize_t row)
{
    PyObject *number = PyLong_FromSsize_t(row);
    int failed = number == NULL ? -1 : PyList_Append(list, number);
    Py_XDECREF(number);
    return failed;
}

/* Read rows that are dicts into arrays; the others, and those that Python has to read, are left and returned. */
PyObject *tables_read_rows(PyObject *object, PyObject *args)
{
    Tables *self = (Tables *)object;
    PyObject *records, *of_numbers, *of_codes, *left = NULL, *result = NULL;
    Py_buffer numbers, codes;
    Py_ssize_t ignored = 0;
    if (!PyArg_ParseTuple(args, "O!OO:read_rows", &PyList_Type, &records, &of_numbers, &of_codes) || !reads_rows(self))
        return NULL;
    Py_ssize_t rows = PyList_Size(records);
    Py_ssize_t room = open_matrix(of_numbers, &numbers, PyBUF_WRITABLE, sizeof(double), self->numbers);
    if (room < 0)
        return NULL;
    Py_ssize_t code_room = open_matrix(of_codes, &codes, PyBUF_WRITABLE, sizeof(int64_t), self->categories);
    if (code_room < 0) {
        PyBuffer_Release(&numbers);
        return NULL;
    }
    Order order = {0};
    int32_t *row_codes = PyMem_Calloc((size_t)self->categories + 1, sizeof *row_codes);
    if (row_codes == NULL) {
        PyErr_NoMemory();
        goto end;
    }
    if ((left = PyList_New(0)) == NULL)
        goto end;
    if (room != rows || code_room != rows || (self->numbers && numbers.strides[1] != sizeof(double))) {
        PyErr_Format(PyExc_ValueError, "expected room for %zd rows, row by row in memory, got %zd", rows, room);
        goto end;
    }
    for (Py_ssize_t i = 0; i < rows; i++) {
        Source source = {PyList_GetItem(records, i), Py_None, NULL, NULL};
        Row row = {(double *)((char *)numbers.buf + i * numbers.strides[0]), row_codes, NULL, 0};
        Outcome outcome = ROW_ELSEWHERE;
        if (source.features == NULL)
            goto end; /* the list has become shorter */
        Py_INCREF(source.features);
        if (PyDict_CheckExact(source.features))
            outcome = read_dict(self, &source, &order, &row, NULL);
        Py_DECREF(source.features);
        Py_CLEAR(row.texts);
        if (outcome == ROW_READ) {
            ignored += row.ignored;
            for (Py_ssize_t c = 0; c < self->categories; c++)
                *(int64_t *)((char *)codes.buf + i * codes.strides[0] + c * codes.strides[1]) = row_codes[c];
        } else if (!may_be_left(outcome) || note_row(left, i) < 0)
            goto end;
    }
    result = Py_BuildValue("On", left, ignored);
end:
    forget_order(&order);
    Py_XDECREF(left);
    PyMem_Free(row_codes);
    PyBuffer_Release(&codes);
    PyBuffer_Release(&numbers);
    return result;
}
