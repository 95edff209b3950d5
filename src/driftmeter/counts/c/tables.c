/* Tables: everything that counting by one profile needs, and counting of arrays. */
#include <math.h>
#include <string.h>

#include "tables.h"

/* Copy a buffer of `item`-byte items to new memory; `count` gets their number, and is the expected one unless it is
   negative. */
static void *copied(const Py_buffer *view, size_t item, Py_ssize_t *count, const char *name)
{
    Py_ssize_t items = view->len / (Py_ssize_t)item;
    if (*count >= 0 && items != *count) {
        PyErr_Format(PyExc_ValueError, "%s: expected %zd items, got %zd", name, *count, items);
        return NULL;
    }
    void *memory = PyMem_Malloc((size_t)view->len + 1);
    if (memory == NULL)
        return PyErr_NoMemory();
    memcpy(memory, view->buf, (size_t)view->len);
    *count = items;
    return memory;
}

static void *zeroed(Py_ssize_t count, size_t item)
{
    void *memory = PyMem_Calloc((size_t)count + 1, item);
    return memory == NULL ? PyErr_NoMemory() : memory;
}

static int check_range(const char *name, Py_ssize_t value, Py_ssize_t least, Py_ssize_t end)
{
    if (value >= least && value < end)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: expected %zd to %zd, got %zd", name, least, end - 1, value);
    return -1;
}

static int add_number(Tables *self, Py_ssize_t index, PyObject *spec)
{
    Number *number = &self->number[index];
    Py_buffer cuts;
    int n[4];
    if (!PyArg_ParseTuple(spec, "npiiiiy*:number", &number->column, &number->is_first, &n[0], &n[1], &n[2], &n[3], &cuts))
        return -1;
    number->missing = n[1], number->not_finite = n[2], number->unreadable = n[3];
    number->cut_count = cuts.len / (Py_ssize_t)sizeof(double);
    self->firsts[index] = n[0];
    int is_derived = index >= self->read;
    int failed = check_range("column", number->column, is_derived ? -1 : 0, is_derived ? 0 : self->columns);
    for (int i = 0; i < 4 && !failed; i++)
        failed = check_range("bin of a number", n[i], 0, self->bins);
    if (!failed && !(failed = check_range("bins of a number", n[0] + number->cut_count, 0, self->bins)))
        failed = compile_number(self, index, cuts.buf);
    PyBuffer_Release(&cuts);
    return failed;
}

static int add_category(Tables *self, Py_ssize_t index, PyObject *spec)
{
    Category *category = &self->category[index];
    int n[7];
    PyObject *texts, *integers, *floats, *part;
    if (!PyArg_ParseTuple(spec, "npiiiiiiiOO!O!O!:category", &category->column, &category->is_first, &n[0], &n[1], &n[2],
                          &n[3], &n[4], &n[5], &n[6], &part, &PyDict_Type, &texts, &PyDict_Type, &integers, &PyDict_Type,
                          &floats))
        return -1;
    category->first = n[0], category->size = n[1], category->missing = n[2];
    category->of_truth[0] = n[3], category->of_truth[1] = n[4];
    category->unseen = n[5], category->unseen_end = n[6];
    Py_INCREF(texts), Py_INCREF(integers), Py_INCREF(floats);
    category->texts = texts, category->integers = integers, category->floats = floats;
    if (check_range("column", category->column, 0, self->columns) < 0 || check_range("size", n[1], 1, self->bins + 1) < 0 ||
        check_range("bin of a category", n[0], 0, self->bins - n[1] + 1) < 0 || check_range("missing", n[2], 0, n[1]) < 0)
        return -1;
    if (part != Py_None && (category->part = make_part(part, n[1])) == NULL)
        return -1;
    return check_range("false", n[3], -1, n[1]) < 0 || check_range("true", n[4], -1, n[1]) < 0 ? -1 : 0;
}

static void free_regression(Regression *regression)
{
    if (regression == NULL)
        return;
    void *parts[] = {regression->numbers, regression->means,   regression->scales,         regression->low,    regression->end,
                     regression->weights, regression->factors, regression->target_columns, regression->leaning};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        PyMem_Free(parts[i]);
    PyMem_Free(regression);
}

static int fill_regression(Regression *of, Py_buffer views[10], Py_ssize_t read)
{
    Py_ssize_t any = -1, *n = &of->columns;
    double *weights = NULL;
    int32_t *product_means = NULL, *pairs = NULL;
    int failed = -1;
    of->columns = of->targets = of->products = -1;
    if ((of->numbers = copied(&views[0], sizeof(int32_t), n, "columns")) == NULL ||
        (of->means = copied(&views[1], sizeof(double), n, "means")) == NULL ||
        (of->scales = copied(&views[2], sizeof(double), n, "scales")) == NULL ||
        (of->low = copied(&views[3], sizeof(double), n, "low")) == NULL ||
        (of->end = copied(&views[4], sizeof(double), n, "end")) == NULL ||
        (of->target_columns = copied(&views[5], sizeof(int32_t), &of->targets, "targets")) == NULL ||
        (product_means = copied(&views[6], sizeof(int32_t), &of->products, "means of products")) == NULL)
        goto end;
    any = 2 * of->products;
    if ((pairs = copied(&views[7], sizeof(int32_t), &any, "products")) == NULL)
        goto end;
    Py_ssize_t terms = of->columns + of->products;
    any = terms * of->targets;
    if ((weights = copied(&views[8], sizeof(double), &any, "weights")) == NULL)
        goto end;
    Py_ssize_t groups = (of->targets + GROUP - 1) / GROUP;
    if ((of->weights = zeroed(groups * terms * GROUP, sizeof(double))) == NULL)
        goto end;
    for (Py_ssize_t t = 0; t < of->targets; t++)
        for (Py_ssize_t k = 0; k < terms; k++)
            of->weights[(t / GROUP * terms + k) * GROUP + t % GROUP] = weights[k * of->targets + t];
    any = of->columns * of->targets;
    if ((of->leaning = copied(&views[9], sizeof(uint8_t), &any, "leaning")) == NULL)
        goto end;
    if (check_range("columns", of->columns, 1, MOST_REGRESSED + 1) < 0 ||
        check_range("targets", of->targets, 1, MOST_REGRESSED + 1) < 0 ||
        check_range("terms", of->columns + of->products, 1, MOST_TERMS + 1) < 0)
        goto end;
    if ((of->factors = zeroed(of->products, sizeof(Product))) == NULL)
        goto end;
    for (Py_ssize_t i = 0; i < of->products; i++) {
        if (check_range("factor", pairs[2 * i], 0, *n) < 0 || check_range("factor", pairs[2 * i + 1], 0, *n) < 0)
            goto end;
        if (check_range("mean of a product", product_means[i], -MOST_STEPS, MOST_STEPS + 1) < 0)
            goto end;
        of->factors[i] = (Product){(uint16_t)pairs[2 * i], (uint16_t)pairs[2 * i + 1], product_means[i]};
    }
    for (Py_ssize_t i = 0; i < of->columns; i++)
        if (check_range("column", of->numbers[i], 0, read) < 0)
            goto end;
    for (Py_ssize_t i = 0; i < of->targets; i++)
        if (check_range("target", of->target_columns[i], 0, *n) < 0)
            goto end;
    failed = 0;
end:
    PyMem_Free(product_means);
    PyMem_Free(weights);
    PyMem_Free(pairs);
    return failed;
}

static int add_regression(Tables *self, PyObject *spec)
{
    Py_buffer v[10];
    Regression *of = self->regression = zeroed(1, sizeof *of);
    int clip, factor_clip;
    if (of == NULL || !PyArg_ParseTuple(spec, "y*y*y*y*y*y*y*y*y*y*iidd:regression", &v[0], &v[1], &v[2], &v[3], &v[4],
                                        &v[5], &v[6], &v[7], &v[8], &v[9], &clip, &factor_clip, &of->infinite,
                                        &of->unit))
        return -1;
    int failed = fill_regression(of, v, self->read);
    for (int i = 0; i < 10; i++)
        PyBuffer_Release(&v[i]);
    of->clip = clip, of->factor_clip = factor_clip;
    if (!failed)
        failed = check_range("clip", clip, 0, MOST_STEPS + 1) < 0 ||
                 check_range("clip of factors", factor_clip, 0, MOST_FACTOR + 1) < 0;
    if (!failed && of->targets != self->numbers - self->read)
        return check_range("derived features", self->numbers - self->read, of->targets, of->targets + 1);
    return failed ? -1 : 0;
}

/* Note by name where a value goes: to the places of all features of its column. */
static int note_places(Tables *self)
{
    if ((self->places = PyDict_New()) == NULL || (self->also = zeroed(self->numbers + self->categories, sizeof *self->also)) == NULL)
        return -1;
    for (Py_ssize_t i = self->read + self->categories - 1; i >= 0; i--) { /* backwards: each place goes before the later ones */
        int is_number = i < self->read;
        Py_ssize_t column = is_number ? self->number[i].column : self->category[i - self->read].column;
        Py_ssize_t index = is_number ? i : i - self->read + self->numbers;
        PyObject *name = PyTuple_GetItem(self->names, column);
        PyObject *later = PyDict_GetItemWithError(self->places, name), *place = PyLong_FromSsize_t(index);
        self->also[index] = later == NULL ? -1 : (int32_t)PyLong_AsLong(later);
        int failed = place == NULL || PyErr_Occurred() || PyDict_SetItem(self->places, name, place) < 0;
        Py_XDECREF(place);
        if (failed)
            return -1;
    }
    return 0;
}

static int tables_init(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *keys[] = {"names",        "prediction",   "bins",        "numbers",       "categories",
                           "regression",   "number_types", "read_number", "read_category", NULL};
    Tables *self = (Tables *)object;
    PyObject *names, *numbers, *categories, *regression, *types, *read_number, *read_category;
    if (self->names != NULL) {
        PyErr_SetString(PyExc_TypeError, "tables cannot be made anew");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!nnO!O!OO!OO:Tables", keys, &PyTuple_Type, &names, &self->prediction,
                                     &self->bins, &PyTuple_Type, &numbers, &PyTuple_Type, &categories, &regression,
                                     &PyTuple_Type, &types, &read_number, &read_category))
        return -1;
    Py_INCREF(names), Py_INCREF(types), Py_INCREF(read_number), Py_INCREF(read_category);
    self->names = names, self->number_types = types;
    self->read_number = read_number, self->read_category = read_category;
    self->columns = PyTuple_Size(names);
    if (check_range("prediction", self->prediction, -1, self->columns) < 0 ||
        check_range("bins", self->bins, 1, INT32_MAX) < 0)
        return -1;
    Py_ssize_t count = PyTuple_Size(numbers), size = PyTuple_Size(categories);
    self->type_count = PyTuple_Size(types);
    if ((self->types = zeroed(self->type_count, sizeof *self->types)) == NULL)
        return -1;
    for (Py_ssize_t i = 0; i < self->type_count; i++)
        self->types[i] = PyTuple_GetItem(types, i);
    if ((self->cuts = zeroed(self->bins, sizeof *self->cuts)) == NULL ||
        (self->firsts = zeroed(count, sizeof *self->firsts)) == NULL)
        return -1;
    for (Py_ssize_t i = 0; i < self->bins; i++)
        self->cuts[i] = NAN;
    if ((self->number = zeroed(count, sizeof *self->number)) == NULL ||
        (self->below = zeroed(count * SEGMENTS, sizeof *self->below)) == NULL ||
        (self->scales = zeroed(count, sizeof *self->scales)) == NULL ||
        (self->biases = zeroed(count, sizeof *self->biases)) == NULL ||
        (self->category = zeroed(size, sizeof *self->category)) == NULL)
        return -1;
    self->numbers = count, self->categories = size;
    for (self->read = 0; self->read < count; self->read++) { /* derived features come last and have no column */
        Py_ssize_t column = PyLong_AsSsize_t(PyTuple_GetItem(PyTuple_GetItem(numbers, self->read), 0));
        if (column == -1)
            break;
    }
    if (PyErr_Occurred())
        return -1;
    for (Py_ssize_t i = 0; i < count; i++)
        if (add_number(self, i, PyTuple_GetItem(numbers, i)) < 0)
            return -1;
    for (Py_ssize_t i = 0; i < size; i++)
        if (add_category(self, i, PyTuple_GetItem(categories, i)) < 0)
            return -1;
    if (note_places(self) < 0)
        return -1;
    return regression == Py_None ? 0 : add_regression(self, regression);
}

static int tables_traverse(PyObject *object, visitproc visit, void *arg)
{
    Tables *self = (Tables *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->number_types);
    Py_VISIT(self->read_number);
    Py_VISIT(self->read_category);
    return 0;
}

static int tables_clear(PyObject *object)
{
    Tables *self = (Tables *)object;
    Py_CLEAR(self->read_number);
    Py_CLEAR(self->read_category);
    return 0;
}

static void tables_dealloc(PyObject *object)
{
    Tables *self = (Tables *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    tables_clear(object);
    Py_CLEAR(self->names);
    Py_CLEAR(self->places);
    Py_CLEAR(self->number_types);
    for (Py_ssize_t i = 0; i < self->categories; i++) {
        Py_CLEAR(self->category[i].texts);
        Py_CLEAR(self->category[i].integers);
        Py_CLEAR(self->category[i].floats);
        free_part(self->category[i].part);
    }
    free_regression(self->regression);
    PyMem_Free(self->also);
    PyMem_Free(self->types);
    PyMem_Free(self->number);
    PyMem_Free(self->cuts);
    PyMem_Free(self->firsts);
    PyMem_Free(self->below);
    PyMem_Free(self->scales);
    PyMem_Free(self->biases);
    PyMem_Free(self->category);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyMethodDef tables_methods[] = {
    {"count_numbers", tables_count_numbers, METH_VARARGS,
     "count_numbers(numbers, counts): add the rows of numbers, (rows, numbers) float64, to counts (bins,) int64."},
    {"count_codes", tables_count_codes, METH_VARARGS,
     "count_codes(codes, counts): add the bins of categories, (rows, categories) int64, to counts (bins,) int64."},
    {"read_rows", tables_read_rows, METH_VARARGS,
     "read_rows(records, numbers, codes): read dicts into arrays of as many rows; return the positions of records that "
     "were not read, and the number of values under unknown names."},
    {"read_columns", tables_read_columns, METH_VARARGS,
     "read_columns(columns, numbers, codes): read columns, by feature, into arrays of as many rows. A column is None, a list, "
     "an array of numbers, or (indices, values). Returns a byte for each: 1 where it was not read, 2 where a category may be "
     "unseen, else 0. Derived features are computed if all numbers were read."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tables_slots[] = {
    {Py_tp_doc, "Tables(names, prediction, bins, numbers, categories, regression, ...): a profile, compiled."},
    {Py_tp_init, tables_init},
    {Py_tp_traverse, tables_traverse},
    {Py_tp_clear, tables_clear},
    {Py_tp_dealloc, tables_dealloc},
    {Py_tp_methods, tables_methods},
    {0, NULL},
};

PyType_Spec tables_spec = {
    "driftmeter.counts._compiled.Tables", sizeof(Tables), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, tables_slots};
