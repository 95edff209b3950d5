/* The panes of a counter: counting a row that was read, and handing out the counts. */
#include <string.h>

#include "counter.h"

/* Return the pane of a time in whole milliseconds, made if need be; NULL, with an exception, if it can't be. */
static Pane *pane_at(Counter *self, double time, double now)
{
    int64_t start = -1;
    if (time >= 0 && time <= now + (double)self->ahead)
        start = (int64_t)time - (int64_t)time % self->length;
    for (Py_ssize_t i = self->pane_count - 1; i >= 0; i--)
        if (self->panes[i].start == start && self->panes[i].length == self->length)
            return &self->panes[i];
    if (self->pane_count == self->room) {
        Py_ssize_t room = 2 * self->room + 4;
        Pane *panes = PyMem_Realloc(self->panes, (size_t)room * sizeof *panes);
        if (panes == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        self->panes = panes, self->room = room;
    }
    PyObject *counts = NULL;
    if (start >= 0) {
        Py_ssize_t bytes = self->tables->bins * (Py_ssize_t)sizeof(int64_t);
        counts = PyByteArray_FromStringAndSize(NULL, bytes);
        if (counts == NULL)
            return NULL;
        memset(PyByteArray_AsString(counts), 0, (size_t)bytes);
    }
    Pane *pane = &self->panes[self->pane_count++];
    *pane = (Pane){start, self->length, 0, counts, NULL};
    return pane;
}

/* Count a row that was read; returns what `observe` returns, or -1 with an exception. Nothing runs Python once the pane is
   known: a new list may start a garbage collection, which may. */
int count_in_pane(Counter *self, const Row *row, double time, double now, int ignored_prediction)
{
    PyObject *texts = NULL;
    if (row->texts != NULL && (texts = PyList_New(0)) == NULL)
        return -1;
    Pane *pane = is_counting(self) ? pane_at(self, time, now) : NULL;
    int failed = pane == NULL;
    if (!failed && texts != NULL) {
        if (pane->texts == NULL)
            pane->texts = Py_NewRef(texts);
        failed = PyList_Append(pane->texts, row->texts) < 0;
        self->text_count += PyList_Size(row->texts);
    }
    Py_XDECREF(texts);
    if (failed)
        return PyErr_Occurred() ? -1 : NOT_COUNTED;
    pane->rows++;
    if (pane->counts != NULL)
        count_row(self->tables, row, (int64_t *)PyByteArray_AsString(pane->counts));
    self->rows++;
    self->ignored_values += row->ignored;
    self->ignored_predictions += ignored_prediction;
    return self->pane_count > self->most_panes || self->text_count > self->most_texts ? COUNTED_AND_FULL : COUNTED;
}

/* Count rows that are numbers alone now, row by row in memory; returns the same. */
int count_numbers_in_pane(Counter *self, const double *numbers, Py_ssize_t rows, double now)
{
    Pane *pane = pane_at(self, now, now);
    if (pane == NULL)
        return -1;
    pane->rows += rows;
    if (pane->counts != NULL)
        count_matrix(self->tables, (const char *)numbers, self->tables->numbers * (Py_ssize_t)sizeof *numbers, rows,
                     (int64_t *)PyByteArray_AsString(pane->counts));
    self->rows += rows;
    self->ignored_values += self->nameless * rows;
    return self->pane_count > self->most_panes ? COUNTED_AND_FULL : COUNTED;
}

/* Hand out what was counted since the last time, and begin anew; the counts belong to the caller. */
PyObject *counter_take(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    Counter *self = (Counter *)object;
    if (!is_made(self))
        return NULL;
    /* all at once, before anything is allocated: a garbage collection may run code that counts */
    Pane *taken = self->panes;
    Py_ssize_t count = self->pane_count;
    long long values = self->ignored_values, predictions = self->ignored_predictions;
    PyObject *strangers = self->strangers;
    self->strangers = NULL;
    self->strangers_known |= strangers != NULL;
    self->panes = NULL;
    self->pane_count = self->room = self->text_count = 0;
    self->rows = self->ignored_values = self->ignored_predictions = 0;
    PyObject *panes = PyList_New(0), *result = NULL;
    int failed = panes == NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        Pane *pane = &taken[i];
        if (!failed) {
            PyObject *one = Py_BuildValue("LLLOO", (long long)pane->start, (long long)pane->length, (long long)pane->rows,
                                          pane->counts ? pane->counts : Py_None, pane->texts ? pane->texts : Py_None);
            failed = one == NULL || PyList_Append(panes, one) < 0;
            Py_XDECREF(one);
        }
        Py_XDECREF(pane->counts);
        Py_XDECREF(pane->texts);
    }
    PyMem_Free(taken);
    /* no format with a #: what the headers of Python 3.13 make of it fails on 3.11 and 3.12 */
    PyObject *present = failed ? NULL : PyBytes_FromStringAndSize((const char *)self->present, self->tables->columns);
    if (present != NULL)
        result = Py_BuildValue("OLLNO", panes, values, predictions, present, strangers == NULL ? Py_None : strangers);
    Py_XDECREF(strangers);
    Py_XDECREF(panes);
    return result;
}
