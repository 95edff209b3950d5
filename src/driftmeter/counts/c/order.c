/* The order of names in a dict: see Order. */
#include "tables.h"

void forget_order(Order *order)
{
    for (Py_ssize_t i = 0; i < order->count; i++)
        Py_DECREF(order->names[i]);
    PyMem_Free(order->names);
    PyMem_Free(order->places);
    PyMem_Free(order->absent);
    *order = (Order){0};
}

/* The first place of a column; -1 where a name is none. */
static int32_t place_of(const Tables *tables, PyObject *name)
{
    PyObject *place = PyDict_GetItemWithError(tables->places, name);
    return place == NULL ? -1 : (int32_t)PyLong_AsLong(place);
}

/* Rows that come in another order than the last one that was learnt, before theirs is learnt. */
enum { ROWS_TO_WAIT = 16 };

/* A row of twice as many names as there are columns, and some, or of more characters, is not learnt: memory is bounded. */
enum { MOST_STRANGERS = 64, MOST_TEXT = 1 << 16 };

/* Learn the order of a dict whose names are all texts; learn none where memory lacks. */
void learn_order(const Tables *tables, PyObject *features, Order *known)
{
    /* an allocation may start a garbage collection, which may run code that reads rows: nobody else sees the order before
       it is whole */
    Order learning = {0}, *order = &learning;
    Py_ssize_t count = PyDict_Size(features), all = tables->numbers + tables->categories, position = 0, length = 0;
    PyObject *name, *value;
    forget_order(known);
    known->wait = ROWS_TO_WAIT;
    if (count > 2 * all + MOST_STRANGERS)
        return;
    order->names = PyMem_Calloc((size_t)count + 1, sizeof *order->names);
    order->places = PyMem_Calloc((size_t)count + 1, sizeof *order->places);
    order->absent = PyMem_Calloc((size_t)all + 1, sizeof *order->absent);
    uint8_t *found = PyMem_Calloc((size_t)all + 1, 1);
    int learnt = order->names != NULL && order->places != NULL && order->absent != NULL && found != NULL;
    while (learnt && order->count < count && PyDict_Next(features, &position, &name, &value)) {
        int32_t first = place_of(tables, name);
        order->ignored += first < 0;
        for (int32_t place = first; place >= 0; place = tables->also[place])
            found[place] = 1;
        learnt = (length += PyUnicode_GetLength(name)) <= MOST_TEXT;
        order->names[order->count] = Py_NewRef(name);
        order->places[order->count++] = first;
    }
    for (int32_t i = 0; learnt && i < all; i++)
        if (!found[i] && (i < tables->read || i >= tables->numbers))
            order->absent[order->absent_count++] = i;
    PyMem_Free(found);
    if (learnt) {
        forget_order(known);
        *known = learning;
    } else
        forget_order(order);
    known->wait = ROWS_TO_WAIT;
}

static int put_in_place(const Tables *tables, int32_t place, PyObject *value, Row *row)
{
    if (place < tables->numbers)
        return plain_number(tables, value, &row->numbers[place]);
    int32_t category = place - (int32_t)tables->numbers;
    row->codes[category] = known_code(&tables->category[category], value);
    return row->codes[category] >= 0;
}

/* Write a plain value to all places of its column, of which there may be none, and return 1; return 0 where Python has to
   read it. */
static int put_plain(const Tables *tables, int32_t first, PyObject *value, Row *row)
{
    for (int32_t place = first; place >= 0; place = tables->also[place])
        if (!put_in_place(tables, place, value, row))
            return 0;
    return 1;
}

/* Whether a name is the one at a place of the order: most often the same object, else the same text. */
static int is_name(const Order *order, Py_ssize_t index, PyObject *name)
{
    PyObject *known = order->names[index];
    return name == known || (PyUnicode_CheckExact(name) && PyUnicode_GetLength(name) == PyUnicode_GetLength(known) &&
                             PyUnicode_Compare(name, known) == 0);
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
        if (!put_plain(tables, order->places[index++], value, row))
            return 0;
    }
    for (Py_ssize_t i = 0; i < order->absent_count; i++)
        if (!put_in_place(tables, order->absent[i], Py_None, row))
            return 0;
    if (tables->prediction >= 0 && source->prediction != Py_None) {
        int32_t place = place_of(tables, PyTuple_GetItem(tables->names, tables->prediction));
        if (!put_plain(tables, place, source->prediction, row))
            return 0;
    }
    return index > 0 && index == order->count;
}
