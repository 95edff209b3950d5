/* The order of names in a dict: see Order. */
#include <string.h>

#include "tables.h"

void forget_order(Order *order)
{
    for (Py_ssize_t i = 0; i < order->count; i++)
        Py_DECREF(order->names[i]);
    PyMem_Free(order->names);
    PyMem_Free(order->text);
    PyMem_Free(order->ends);
    PyMem_Free(order->places);
    PyMem_Free(order->absent);
    *order = (Order){0};
}

/* Rows that come in another order than the last one that was learnt, before theirs is learnt. */
enum { ROWS_TO_WAIT = 16 };

/* A row of twice as many names as there are columns, and some, or of longer ones in all, is not learnt: memory is bounded. */
enum { MOST_STRANGERS = 64, MOST_TEXT = 1 << 16 };

/* Learn the order of a dict whose names are all texts; learn none where memory lacks or a name is of several features. */
void learn_order(const Tables *tables, PyObject *features, Order *known)
{
    /* a name without UTF-8 raises an exception, on which a garbage collection may run code that reads rows: nobody else
       sees the order before it is whole */
    Order learning = {0}, *order = &learning;
    Py_ssize_t count = PyDict_Size(features), all = tables->numbers + tables->categories, position = 0;
    PyObject *name, *value;
    forget_order(known);
    known->wait = ROWS_TO_WAIT;
    order->names = PyMem_Calloc((size_t)count + 1, sizeof *order->names);
    order->places = PyMem_Calloc((size_t)count + 1, sizeof *order->places);
    order->text = PyMem_Malloc(MOST_TEXT);
    order->ends = PyMem_Calloc((size_t)count + 1, sizeof *order->ends);
    order->absent = PyMem_Calloc((size_t)all + 1, sizeof *order->absent);
    uint8_t *found = PyMem_Calloc((size_t)all + 1, 1);
    int learnt = count <= 2 * all + MOST_STRANGERS && order->names != NULL && order->text != NULL && order->ends != NULL &&
                 order->places != NULL && order->absent != NULL && found != NULL;
    while (learnt && order->count < count && PyDict_Next(features, &position, &name, &value)) {
        PyObject *number = PyDict_GetItemWithError(tables->places, name);
        long place = number == NULL ? -1 : PyLong_AsLong(number);
        learnt = place > -2;
        if (place >= 0)
            found[place] = 1;
        else
            order->ignored++;
        order->names[order->count] = Py_NewRef(name);
        Py_ssize_t size, begin = order->count ? order->ends[order->count - 1] : 0;
        const char *text = PyUnicode_AsUTF8AndSize(name, &size);
        if (text == NULL || size > MOST_TEXT - begin)
            size = 0, learnt = 0;
        else
            memcpy(order->text + begin, text, (size_t)size);
        order->ends[order->count] = (int32_t)(begin + size);
        order->places[order->count++] = (int32_t)place;
    }
    for (int32_t i = 0; learnt && i < all; i++)
        if (!found[i] && (i < tables->read || i >= tables->numbers))
            order->absent[order->absent_count++] = i;
    PyMem_Free(found);
    PyErr_Clear(); /* of half a surrogate pair, which has no UTF-8 */
    if (learnt) {
        forget_order(known);
        *known = learning;
    } else
        forget_order(order);
    known->wait = ROWS_TO_WAIT;
}

/* Write a plain value to its place and return 1; return 0 where Python has to read it. */
static int put_plain(const Tables *tables, int32_t place, PyObject *value, Row *row)
{
    if (place < tables->numbers)
        return plain_number(tables, value, &row->numbers[place]);
    int32_t category = place - (int32_t)tables->numbers;
    row->codes[category] = known_code(&tables->category[category], value);
    return row->codes[category] >= 0;
}

/* Whether a name is the one at a place of the order: most often the same object, else the same text. */
static int is_name(const Order *order, Py_ssize_t index, PyObject *name)
{
    Py_ssize_t size;
    const char *text;
    if (name == order->names[index])
        return 1;
    if (!PyUnicode_CheckExact(name) || (text = PyUnicode_AsUTF8AndSize(name, &size)) == NULL) {
        PyErr_Clear();
        return 0;
    }
    int32_t begin = index ? order->ends[index - 1] : 0;
    return size == order->ends[index] - begin && memcmp(text, order->text + begin, (size_t)size) == 0;
}

/* Read a dict whose names come in the known order, if all values are plain; return 0 where it is not so. No code of Python
   runs. */
int read_in_order(const Tables *tables, const Source *source, const Order *order, Row *row)
{
    Py_ssize_t position = 0, index = 0;
    PyObject *name, *value;
    while (PyDict_Next(source->features, &position, &name, &value)) {
        if (index == order->count || !is_name(order, index, name))
            return 0;
        int32_t place = order->places[index++];
        if (place >= 0 && !put_plain(tables, place, value, row))
            return 0;
    }
    for (Py_ssize_t i = 0; i < order->absent_count; i++)
        if (!put_plain(tables, order->absent[i], Py_None, row))
            return 0;
    if (tables->prediction >= 0 && source->prediction != Py_None) {
        PyObject *known = PyDict_GetItemWithError(tables->places, PyTuple_GetItem(tables->names, tables->prediction));
        int32_t place = known == NULL ? -2 : (int32_t)PyLong_AsLong(known);
        if (place < 0 || !put_plain(tables, place, source->prediction, row))
            return 0;
    }
    return index > 0 && index == order->count;
}
