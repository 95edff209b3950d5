/* The counter of one source's rows: see counter.c. */
#ifndef DRIFTMETER_COUNTER_H
#define DRIFTMETER_COUNTER_H

#include "tables.h"

/* What `observe` returns. */
enum { NOT_COUNTED = 0, COUNTED = 1, COUNTED_AND_FULL = 2 };

/* `start` is -1 for rows that are too far in the future, which have no counts. */
typedef struct {
    int64_t start, length, rows;
    PyObject *counts; /* bytearray, or NULL */
    PyObject *texts;  /* list of lists, see Row, or NULL */
} Pane;

typedef struct {
    PyObject_HEAD
    Tables *tables;
    PyObject *clock, *array_type; /* the type of arrays whose memory is read: others may mean something else by it */
    double offset;
    int64_t length, ahead;
    int closed;
    Pane *panes;
    Py_ssize_t pane_count, room, most_panes, most_texts, text_count;
    int64_t rows, ignored_values, ignored_predictions;
    uint8_t *present;
    PyObject *strangers; /* the names of the first row that had some of no column, until they are taken; or NULL */
    int strangers_known;
    Order order;
    int32_t *positions, *of_numbers; /* of the columns in a row without names, by column and by number; or NULL */
    Py_ssize_t given, nameless; /* values of such a row, and those under names that are no column */
} Counter;

/* Whether a counter was made in whole; else there is an exception. */
static inline int is_made(const Counter *self)
{
    if (self->tables == NULL)
        PyErr_SetString(PyExc_TypeError, "this counter was not made");
    return self->tables != NULL;
}

/* Whether rows are counted: a counter that was not made, or failed to be, has no terms. */
static inline int is_counting(const Counter *self)
{
    return !self->closed && self->length > 0;
}

int count_in_pane(Counter *self, const Row *row, double time, double now, int ignored_prediction);
int count_numbers_in_pane(Counter *self, const double *numbers, Py_ssize_t rows, double now);
int count_read(Counter *self, const Row *row, PyObject *prediction, double time, double now);
int now_of(const Counter *self, double *now);
void note_present(Counter *self);
int is_single(const Tables *tables, PyObject *prediction);
PyObject *counter_observe_matrix(PyObject *counter, PyObject *args);
PyObject *counter_observe_rows(PyObject *counter, PyObject *args);
PyObject *counter_take(PyObject *counter, PyObject *ignored);

#endif
