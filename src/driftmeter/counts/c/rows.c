/* Rows: from Python's values to numbers and to bins of categories.

   Reading may run Python code, which may do anything, also to the row: so a value is looked up when it is used, and
   nothing is counted before the whole row is read. */
#include <math.h>

#include "tables.h"

typedef PyObject *(*Getter)(const Tables *, const Source *, Py_ssize_t column); /* borrowed; NULL where missing */

static PyObject *in_dict(const Tables *tables, const Source *source, Py_ssize_t column)
{
    return PyDict_GetItemWithError(source->features, PyTuple_GetItem(tables->names, column));
}

static PyObject *in_tuple(const Tables *tables, const Source *source, Py_ssize_t column)
{
    return source->positions[column] < 0 ? NULL : PyTuple_GetItem(source->features, source->positions[column]);
}

static PyObject *in_list(const Tables *tables, const Source *source, Py_ssize_t column)
{
    return source->positions[column] < 0 ? NULL : PyList_GetItem(source->features, source->positions[column]);
}

/* The value of a column, borrowed: of the prediction, that which was given beside the row. */
static PyObject *value_of(const Tables *tables, const Source *source, Getter get, Py_ssize_t column)
{
    if (column == tables->prediction && source->prediction != Py_None)
        return source->prediction;
    return get(tables, source, column);
}

int is_number_type(const Tables *tables, PyObject *value)
{
    PyObject *type = (PyObject *)Py_TYPE(value);
    for (Py_ssize_t i = 0; i < tables->type_count; i++)
        if (tables->types[i] == type)
            return 1;
    return 0;
}

/* Write a plain number and return 1; return 0 where Python has to read it. */
int plain_number(const Tables *tables, PyObject *value, double *number)
{
    if (PyFloat_CheckExact(value)) {
        *number = PyFloat_AsDouble(value);
        return 1;
    }
    if (value == Py_None) {
        *number = NAN;
        return 1;
    }
    if (PyLong_CheckExact(value))
        *number = PyLong_AsDouble(value);
    else if (PyBool_Check(value))
        *number = value == Py_True;
    else if (is_number_type(tables, value))
        *number = PyFloat_AsDouble(value);
    else
        return 0;
    if (*number == -1.0 && PyErr_Occurred()) { /* an integer that is too large for a float */
        PyErr_Clear();
        return 0;
    }
    return 1;
}

static Outcome read_number(const Tables *tables, Py_ssize_t index, PyObject *value, double *number)
{
    if (plain_number(tables, value, number))
        return ROW_READ;
    Py_INCREF(value);
    PyObject *read = PyObject_CallFunction(tables->read_number, "nO", index, value);
    Py_DECREF(value);
    if (read == NULL)
        return ROW_FAILED;
    *number = PyFloat_AsDouble(read);
    Py_DECREF(read);
    return *number == -1.0 && PyErr_Occurred() ? ROW_FAILED : ROW_READ;
}

/* Return the bin of a category that was seen before, -1 where Python has to look. */
int32_t known_code(const Category *category, PyObject *value)
{
    PyObject *known;
    if (value == Py_None || (PyFloat_CheckExact(value) && isnan(PyFloat_AsDouble(value))))
        return category->missing;
    if (PyBool_Check(value))
        return category->of_truth[value == Py_True];
    if (category->part != NULL)
        return part_code(category->part, value);
    if (PyUnicode_CheckExact(value))
        known = PyDict_GetItemWithError(category->texts, value);
    else if (PyLong_CheckExact(value))
        known = PyDict_GetItemWithError(category->integers, value);
    else if (PyFloat_CheckExact(value))
        known = PyDict_GetItemWithError(category->floats, value);
    else
        return -1;
    long code = known == NULL ? -1 : PyLong_AsLong(known);
    return code < 0 || code >= category->size ? -1 : (int32_t)code;
}

static Outcome keep_text(Row *row, Py_ssize_t index, PyObject *text)
{
    if (row->texts == NULL && (row->texts = PyList_New(0)) == NULL)
        return ROW_FAILED;
    PyObject *cell = Py_BuildValue("nO", index, text);
    int failed = cell == NULL || PyList_Append(row->texts, cell) < 0;
    Py_XDECREF(cell);
    return failed ? ROW_FAILED : ROW_READ;
}

static Outcome read_category(const Tables *tables, Py_ssize_t index, PyObject *value, Row *row)
{
    const Category *category = &tables->category[index];
    if ((row->codes[index] = known_code(category, value)) >= 0)
        return ROW_READ;
    if (PyErr_Occurred())
        return ROW_FAILED;
    Outcome outcome = ROW_READ;
    Py_INCREF(value);
    PyObject *read = PyObject_CallFunction(tables->read_category, "nO", index, value);
    if (read == NULL) {
        Py_DECREF(value);
        return ROW_FAILED;
    }
    int has_text = PyTuple_Check(read) && PyTuple_Size(read) == 2;
    long code = PyLong_AsLong(has_text ? PyTuple_GetItem(read, 0) : read);
    if (code >= 0 && code < category->size) {
        row->codes[index] = (int32_t)code;
        if (has_text)
            outcome = keep_text(row, index, PyTuple_GetItem(read, 1));
        else if (category->part != NULL)
            remember_part(category->part, value, row->codes[index]);
    } else {
        outcome = ROW_FAILED;
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "expected a bin from 0 to %d, got %ld", (int)category->size - 1, code);
    }
    Py_DECREF(value);
    Py_DECREF(read);
    return outcome;
}

/* Read the prediction that was given beside the row, if there was one, in the place of that in the row. */
static Outcome read_prediction(const Tables *tables, const Source *source, Row *row)
{
    if (tables->prediction < 0 || source->prediction == Py_None)
        return ROW_READ;
    for (Py_ssize_t i = 0; i < tables->read; i++)
        if (tables->number[i].column == tables->prediction &&
            read_number(tables, i, source->prediction, &row->numbers[i]) == ROW_FAILED)
            return ROW_FAILED;
    for (Py_ssize_t i = 0; i < tables->categories; i++)
        if (tables->category[i].column == tables->prediction &&
            read_category(tables, i, source->prediction, row) == ROW_FAILED)
            return ROW_FAILED;
    return ROW_READ;
}

/* Read every value; `found` gets the number of columns that the row has. */
static Outcome read_row(const Tables *tables, const Source *source, Getter get, Row *row, uint8_t *present,
                        Py_ssize_t *found)
{
    *found = 0;
    for (Py_ssize_t i = 0; i < tables->read; i++) {
        const Number *number = &tables->number[i];
        PyObject *value = value_of(tables, source, get, number->column);
        if (value == NULL) {
            if (PyErr_Occurred())
                return ROW_FAILED;
            row->numbers[i] = NAN;
            continue;
        }
        *found += number->is_first;
        if (present != NULL)
            present[number->column] = 1;
        if (read_number(tables, i, value, &row->numbers[i]) == ROW_FAILED)
            return ROW_FAILED;
    }
    for (Py_ssize_t i = 0; i < tables->categories; i++) {
        const Category *category = &tables->category[i];
        PyObject *value = value_of(tables, source, get, category->column);
        if (value == NULL) {
            if (PyErr_Occurred())
                return ROW_FAILED;
            row->codes[i] = category->missing;
            continue;
        }
        *found += category->is_first;
        if (present != NULL)
            present[category->column] = 1;
        if (read_category(tables, i, value, row) == ROW_FAILED)
            return ROW_FAILED;
    }
    derive(tables, row->numbers);
    return ROW_READ;
}

/* Whether all names of a dict are texts. */
static int has_texts_as_names(PyObject *features)
{
    Py_ssize_t position = 0;
    PyObject *name, *value;
    while (PyDict_Next(features, &position, &name, &value))
        if (!PyUnicode_CheckExact(name))
            return 0;
    return 1;
}

/* Read a dict; `present`, by column and unless it is NULL, gets 1 where the row has the column. Names other than texts
   are left to Python. */
Outcome read_dict(const Tables *tables, const Source *source, Order *order, Row *row, uint8_t *present)
{
    if (order->count > 0 && PyDict_Size(source->features) == order->count && read_in_order(tables, source, order, row)) {
        row->ignored = order->ignored;
        derive(tables, row->numbers);
        return ROW_READ;
    }
    Py_ssize_t found, given = PyDict_Size(source->features);
    if (read_row(tables, source, in_dict, row, present, &found) == ROW_FAILED)
        return ROW_FAILED;
    if (tables->prediction >= 0 && source->prediction != Py_None) {
        int contained = PyDict_Contains(source->features, PyTuple_GetItem(tables->names, tables->prediction));
        if (contained < 0)
            return ROW_FAILED;
        given += !contained;
    }
    int has_texts = has_texts_as_names(source->features);
    if (given != found && !has_texts)
        return ROW_ELSEWHERE;
    if (has_texts && order->wait-- <= 0)
        learn_order(tables, source->features, order);
    row->ignored = given > found ? given - found : 0; /* less if code that ran meanwhile changed the dict */
    return ROW_READ;
}

/* Read a tuple or a list, whose length fits the positions. */
Outcome read_sequence(const Tables *tables, const Source *source, Row *row)
{
    Py_ssize_t found;
    Getter get = PyTuple_CheckExact(source->features) ? in_tuple : in_list;
    return read_row(tables, source, get, row, NULL, &found);
}

/* Read doubles that lie `stride` bytes apart. */
Outcome read_doubles(const Tables *tables, const char *values, Py_ssize_t stride, const Source *source, Row *row)
{
    for (Py_ssize_t i = 0; i < tables->read; i++) {
        int32_t position = source->of_numbers[i];
        row->numbers[i] = position < 0 ? NAN : *(const double *)(values + position * stride);
    }
    for (Py_ssize_t i = 0; i < tables->categories; i++) {
        int32_t position = source->positions[tables->category[i].column];
        if (position < 0) {
            row->codes[i] = tables->category[i].missing;
            continue;
        }
        PyObject *value = PyFloat_FromDouble(*(const double *)(values + position * stride));
        Outcome outcome = value == NULL ? ROW_FAILED : read_category(tables, i, value, row);
        Py_XDECREF(value);
        if (outcome == ROW_FAILED)
            return ROW_FAILED;
    }
    if (read_prediction(tables, source, row) == ROW_FAILED)
        return ROW_FAILED;
    derive(tables, row->numbers);
    return ROW_READ;
}

void count_row(const Tables *tables, const Row *row, int64_t *counts)
{
    count_numbers(tables, row->numbers, counts);
    for (Py_ssize_t i = 0; i < tables->categories; i++)
        counts[tables->category[i].first + row->codes[i]]++;
}

/* Whether rows can be read, not only arrays counted; else there is an exception. */
int reads_rows(const Tables *self)
{
    if (PyCallable_Check(self->read_number) && PyCallable_Check(self->read_category) &&
        (self->regression != NULL || self->read == self->numbers))
        return 1;
    PyErr_SetString(PyExc_ValueError, "these tables only count arrays");
    return 0;
}

/* Whether Python shall read a row that was not read: it will meet the same exception, and treats it by the cell. */
int may_be_left(Outcome outcome)
{
    if (outcome == ROW_FAILED && !PyErr_ExceptionMatches(PyExc_Exception))
        return 0; /* an interrupt */
    PyErr_Clear();
    return 1;
}
