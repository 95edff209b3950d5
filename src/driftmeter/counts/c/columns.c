/* Columns: typing rows that are given column by column.

   A column is a list, an array of numbers, or a dictionary: indices into a tuple of values. What is not plain is left to
   Python, a whole column at a time. No code of others runs here: all values that are looked into have types of Python's own. */
#include <math.h>
#include <string.h>

#include "tables.h"

/* What is said of each column: Python has to read it; some category in it may be unseen. */
enum { LEFT = 1, UNSEEN = 2 };

/* An array, or the indices of a dictionary with what its values mean; the first is for index -1, which is missing. */
typedef struct {
    Py_buffer view;
    char kind; /* of the items, as in the module struct; 0 where there is no array */
    double *numbers;
    int64_t *codes;
    uint64_t meanings;
    int is_left;
} Column;

static const char NUMBERS[] = "dfbhilqBHILQ?", INDICES[] = "bhilqBHI";

/* Open an array with an item for each row, of one of some kinds; returns 0 where it is none. */
static int open_array(PyObject *array, Py_ssize_t rows, const char *kinds, Column *column)
{
    if (PyObject_GetBuffer(array, &column->view, PyBUF_STRIDES | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        return 0;
    }
    const char *format = column->view.format;
    if (format != NULL && format[0] == '=' && strchr("lL", format[1]) == NULL)
        format++; /* of memory that is not aligned, such as within a message; items are copied anyway */
    if (column->view.ndim == 1 && column->view.shape[0] == rows && format != NULL && format[0] != 0 && format[1] == 0 &&
        strchr(kinds, format[0]) != NULL) {
        column->kind = format[0];
        return 1;
    }
    PyBuffer_Release(&column->view);
    return 0;
}

static void close_column(Column *column)
{
    if (column->kind != 0)
        PyBuffer_Release(&column->view);
    PyMem_Free(column->numbers);
    PyMem_Free(column->codes);
}

/* For each row from `first` to before `end`, do something with its item, a `TYPE` that is called `item`. */
#define EACH(TYPE, DO)                                              \
    for (Py_ssize_t row = first; row < end; row++, from += stride) { \
        TYPE item;                                                  \
        memcpy(&item, from, sizeof item);                           \
        DO;                                                         \
    }                                                               \
    break

#define EACH_INTEGER(DO)                      \
    case 'b': EACH(signed char, DO);          \
    case 'h': EACH(short, DO);                \
    case 'i': EACH(int, DO);                  \
    case 'l': EACH(long, DO);                 \
    case 'q': EACH(long long, DO);            \
    case 'B': EACH(unsigned char, DO);        \
    case 'H': EACH(unsigned short, DO);       \
    case 'I': EACH(unsigned int, DO)

/* Write the numbers of some rows; `to` is the place for the first. Returns whether all indices were of the dictionary. */
static int write_numbers(const Column *column, Py_ssize_t first, Py_ssize_t end, char *to, Py_ssize_t room)
{
    Py_ssize_t stride = column->view.strides[0];
    const char *from = (const char *)column->view.buf + first * stride;
    uint64_t largest = 0;
    if (column->numbers != NULL) {
        switch (column->kind) {
            EACH_INTEGER(uint64_t place = (uint64_t)item + 1; largest = place > largest ? place : largest;
                         *(double *)to = column->numbers[place < column->meanings ? place : 0]; to += room);
        }
        return largest < column->meanings;
    }
    switch (column->kind) {
        case 'd': EACH(double, *(double *)to = item; to += room);
        case 'f': EACH(float, *(double *)to = (double)item; to += room);
        case 'L': EACH(unsigned long, *(double *)to = (double)item; to += room);
        case 'Q': EACH(unsigned long long, *(double *)to = (double)item; to += room);
        case '?': EACH(unsigned char, *(double *)to = item != 0; to += room);
        EACH_INTEGER(*(double *)to = (double)item; to += room);
    }
    return 1;
}

/* Write the bins of a dictionary's rows; returns whether all indices were of the dictionary. */
static int write_codes(const Column *column, Py_ssize_t end, char *to, Py_ssize_t room)
{
    const Py_ssize_t first = 0, stride = column->view.strides[0];
    const char *from = column->view.buf;
    uint64_t largest = 0;
    switch (column->kind) {
        EACH_INTEGER(uint64_t place = (uint64_t)item + 1; largest = place > largest ? place : largest;
                     *(int64_t *)to = column->codes[place < column->meanings ? place : 0]; to += room);
    }
    return largest < column->meanings;
}

static int is_dictionary(PyObject *given)
{
    return PyTuple_CheckExact(given) && PyTuple_Size(given) == 2 && PyTuple_CheckExact(PyTuple_GetItem(given, 1));
}

/* The items of a list, or the values of a dictionary, borrowed. */
static PyObject *value_at(PyObject *values, Py_ssize_t index)
{
    return PyList_CheckExact(values) ? PyList_GetItem(values, index) : PyTuple_GetItem(values, index);
}

/* Read plain numbers to places that are `room` bytes apart; returns 0 where there are others. */
static int read_numbers(const Tables *tables, PyObject *values, Py_ssize_t count, char *to, Py_ssize_t room)
{
    for (Py_ssize_t i = 0; i < count; i++, to += room)
        if (!plain_number(tables, value_at(values, i), (double *)to))
            return 0;
    return 1;
}

/* Note the bin of a value that was seen before; returns 0 where Python has to look, and where it has to tell of it. */
static int note_code(const Category *category, PyObject *value, char *to, int *is_unseen)
{
    int32_t code = known_code(category, value);
    if (code < 0 || code == category->size - 1) /* the last bin is that of unreadable values */
        return 0;
    *is_unseen |= code >= category->unseen && code < category->unseen_end;
    *(int64_t *)to = code;
    return 1;
}

static int read_codes(const Category *category, PyObject *values, Py_ssize_t count, char *to, Py_ssize_t room, int *is_unseen)
{
    for (Py_ssize_t i = 0; i < count; i++, to += room)
        if (!note_code(category, value_at(values, i), to, is_unseen))
            return 0;
    return 1;
}

/* The value of an array's item, new. */
static PyObject *value_of_item(const char *item, char kind)
{
    const Py_ssize_t first = 0, end = 1, stride = 0;
    const char *from = item;
    switch (kind) {
        case 'd': EACH(double, return PyFloat_FromDouble(item));
        case 'f': EACH(float, return PyFloat_FromDouble((double)item));
        case 'L': EACH(unsigned long, return PyLong_FromUnsignedLong(item));
        case 'Q': EACH(unsigned long long, return PyLong_FromUnsignedLongLong(item));
        case '?': EACH(unsigned char, return PyBool_FromLong(item != 0));
        EACH_INTEGER(return PyLong_FromLongLong((long long)item));
    }
    Py_RETURN_NONE;
}

/* Read an array whose items are categories. */
static int read_array_codes(const Category *category, const Column *column, Py_ssize_t rows, char *to, Py_ssize_t room,
                            int *is_unseen)
{
    const char *from = column->view.buf;
    for (Py_ssize_t row = 0; row < rows; row++, from += column->view.strides[0], to += room) {
        PyObject *value = value_of_item(from, column->kind);
        int is_known = value != NULL && note_code(category, value, to, is_unseen);
        Py_XDECREF(value);
        if (!is_known)
            return 0;
    }
    return 1;
}

/* Prepare a column of numbers: an array or a dictionary is opened, all else is written. Returns 0 where it is left. */
static int begin_numbers(const Tables *tables, PyObject *given, Column *column, Py_ssize_t rows, char *to, Py_ssize_t room)
{
    if (given == Py_None) {
        for (Py_ssize_t row = 0; row < rows; row++, to += room)
            *(double *)to = NAN;
        return 1;
    }
    if (PyList_CheckExact(given))
        return PyList_Size(given) == rows && read_numbers(tables, given, rows, to, room);
    if (!is_dictionary(given))
        return open_array(given, rows, NUMBERS, column);
    PyObject *values = PyTuple_GetItem(given, 1);
    Py_ssize_t count = PyTuple_Size(values);
    if (!open_array(PyTuple_GetItem(given, 0), rows, INDICES, column) ||
        (column->numbers = PyMem_Malloc((size_t)(count + 1) * sizeof *column->numbers)) == NULL)
        return 0;
    column->meanings = (uint64_t)count + 1;
    column->numbers[0] = NAN;
    return read_numbers(tables, values, count, (char *)(column->numbers + 1), sizeof *column->numbers);
}

/* The same for a column of categories. */
static int begin_codes(const Category *category, PyObject *given, Column *column, Py_ssize_t rows, char *to, Py_ssize_t room,
                       int *is_unseen)
{
    if (given == Py_None) {
        for (Py_ssize_t row = 0; row < rows; row++, to += room)
            *(int64_t *)to = category->missing;
        return 1;
    }
    if (PyList_CheckExact(given))
        return PyList_Size(given) == rows && read_codes(category, given, rows, to, room, is_unseen);
    if (!is_dictionary(given))
        return open_array(given, rows, NUMBERS, column) && read_array_codes(category, column, rows, to, room, is_unseen);
    PyObject *values = PyTuple_GetItem(given, 1);
    Py_ssize_t count = PyTuple_Size(values);
    if (!open_array(PyTuple_GetItem(given, 0), rows, INDICES, column) ||
        (column->codes = PyMem_Malloc((size_t)(count + 1) * sizeof *column->codes)) == NULL)
        return 0;
    column->meanings = (uint64_t)count + 1;
    column->codes[0] = category->missing;
    return read_codes(category, values, count, (char *)(column->codes + 1), sizeof *column->codes, is_unseen);
}

/* Write what was opened, and what follows from it. */
static void write_columns(const Tables *self, Column *columns, Py_ssize_t rows, const Py_buffer *numbers, const Py_buffer *codes)
{
    int all_read = 1;
    for (Py_ssize_t first = 0; first < rows; first += ROWS_AT_ONCE) {
        Py_ssize_t end = rows - first < ROWS_AT_ONCE ? rows : first + ROWS_AT_ONCE;
        char *to = (char *)numbers->buf + first * numbers->strides[0];
        for (Py_ssize_t i = 0; i < self->read; i++) {
            if (columns[i].kind != 0 && !columns[i].is_left)
                columns[i].is_left = !write_numbers(&columns[i], first, end, to + i * (Py_ssize_t)sizeof(double), numbers->strides[0]);
            all_read &= !columns[i].is_left;
        }
        for (Py_ssize_t row = first; row < end && all_read; row++, to += numbers->strides[0])
            derive(self, (double *)to);
    }
    for (Py_ssize_t i = 0; i < self->categories; i++) {
        Column *column = &columns[self->read + i];
        if (column->codes != NULL && !column->is_left)
            column->is_left = !write_codes(column, rows, (char *)codes->buf + i * codes->strides[1], codes->strides[0]);
    }
}

/* Read columns, given by feature, into arrays; returns what there is to say of each. */
static PyObject *read_all(const Tables *self, PyObject *given, Py_ssize_t rows, const Py_buffer *numbers, const Py_buffer *codes)
{
    Py_ssize_t count = self->read + self->categories;
    Column *columns = PyMem_Calloc((size_t)count + 1, sizeof *columns);
    char *marks = PyMem_Calloc((size_t)count + 1, 1);
    PyObject *result = NULL;
    if (columns == NULL || marks == NULL) {
        PyErr_NoMemory();
        goto end;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *column = PyTuple_GetItem(given, i);
        Py_ssize_t c = i - self->read;
        int is_unseen = 0;
        if (c < 0)
            columns[i].is_left = !begin_numbers(self, column, &columns[i], rows,
                                                (char *)numbers->buf + i * (Py_ssize_t)sizeof(double), numbers->strides[0]);
        else
            columns[i].is_left = !begin_codes(&self->category[c], column, &columns[i], rows,
                                              (char *)codes->buf + c * codes->strides[1], codes->strides[0], &is_unseen);
        marks[i] = is_unseen ? UNSEEN : 0;
    }
    PyErr_Clear(); /* a look-up may fail for want of memory: Python looks again */
    Py_BEGIN_ALLOW_THREADS
    write_columns(self, columns, rows, numbers, codes);
    Py_END_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++)
        if (columns[i].is_left)
            marks[i] = LEFT;
    result = PyBytes_FromStringAndSize(marks, count);
end:
    for (Py_ssize_t i = 0; columns != NULL && i < count; i++)
        close_column(&columns[i]);
    PyMem_Free(columns);
    PyMem_Free(marks);
    return result;
}

PyObject *tables_read_columns(PyObject *object, PyObject *args)
{
    Tables *self = (Tables *)object;
    PyObject *given, *of_numbers, *of_codes, *result = NULL;
    Py_buffer numbers, codes;
    if (!PyArg_ParseTuple(args, "O!OO:read_columns", &PyTuple_Type, &given, &of_numbers, &of_codes) || !reads_rows(self))
        return NULL;
    if (PyTuple_Size(given) != self->read + self->categories) {
        PyErr_Format(PyExc_ValueError, "expected %zd columns, got %zd", self->read + self->categories, PyTuple_Size(given));
        return NULL;
    }
    Py_ssize_t rows = open_matrix(of_numbers, &numbers, PyBUF_WRITABLE, sizeof(double), self->numbers);
    if (rows < 0)
        return NULL;
    Py_ssize_t code_rows = open_matrix(of_codes, &codes, PyBUF_WRITABLE, sizeof(int64_t), self->categories);
    if (code_rows < 0) {
        PyBuffer_Release(&numbers);
        return NULL;
    }
    if (code_rows != rows || (self->numbers && numbers.strides[1] != sizeof(double)))
        PyErr_Format(PyExc_ValueError, "expected room for %zd rows, row by row in memory, got %zd", rows, code_rows);
    else
        result = read_all(self, given, rows, &numbers, &codes);
    PyBuffer_Release(&codes);
    PyBuffer_Release(&numbers);
    return result;
}
