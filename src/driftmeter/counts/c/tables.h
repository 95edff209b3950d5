/* The compiled counter: see driftmeter/counts/compiled.py for what it is for.

   It is written in C on the stable ABI of Python 3.11: one binary serves every later version. All of it runs under the
   GIL. Only what is plain is handled here; any other value is handed to Python, to the code of the plain counter. */
#ifndef DRIFTMETER_TABLES_H
#define DRIFTMETER_TABLES_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>

/* The range of a number is divided into so many equal segments, see driftmeter/counts/binning.py. */
enum { SEGMENTS = 256 };

/* Larger regressions are left to numpy. */
enum { MOST_REGRESSED = 128, MOST_TERMS = 1024 };

/* Of a number: those below a segment are counted in 16 bits. */
enum { MOST_CUTS = UINT16_MAX };

enum { STEP_BITS = 12 };

/* The largest number of steps that a regression may name, and that of a factor: the product of two fits 32 bits. */
enum { MOST_STEPS = 1 << 24, MOST_FACTOR = 46340 };

/* Targets of a regression that are computed together. */
enum { GROUP = 16 };

/* Rows of an array that are handled together: what is read of them stays in the cache. */
enum { ROWS_AT_ONCE = 64 };

/* A numeric or derived feature. Bins are among those of all features. */
typedef struct {
    Py_ssize_t cut_count;
    Py_ssize_t column;  /* -1 for a derived feature */
    int is_first;       /* whether no feature before it has this column */
    int32_t missing, not_finite, unreadable;
} Number;

/* Moments of a zone whose bins are remembered: a power of two. */
enum { REMEMBERED = 256 };

typedef struct {
    int64_t second; /* since the epoch; 0 for none */
    int32_t code;
} Remembered;

/* What is read of a moment: its hour or its weekday, see moments.c. */
typedef struct {
    int is_hour, has_zone;
    PyObject *type;    /* of date-times */
    int32_t codes[24]; /* the bin of each hour or weekday; -1 where Python has to look */
    Remembered remembered[REMEMBERED];
} Part;

/* A categorical feature. Its bins are its own; `first` takes them to those of all features. */
typedef struct {
    Py_ssize_t column;
    int is_first;
    PyObject *texts, *integers, *floats;  /* dicts: the bins of values seen before */
    int32_t first, size, missing;
    int32_t unseen, unseen_end;           /* bins of unseen categories whose texts are kept, if any are */
    int32_t of_truth[2];                  /* bins of False and True; -1 where Python has to look */
    Part *part;                           /* or NULL, where the value itself is the category */
} Category;

typedef struct {
    uint16_t first, second;
    int32_t mean;
} Product;

/* Regressions, see driftmeter/profile/residuals.py. Arrays are by column but for `weights`, (groups of targets, terms,
   GROUP): they are read in the order in which they lie. */
typedef struct {
    Py_ssize_t columns, products, targets;
    int32_t *numbers;         /* the number that a column is */
    double *means, *scales, *low, *end, *weights;
    Product *factors;
    int32_t *target_columns;
    uint8_t *leaning;         /* (columns, targets) */
    double clip;              /* in steps, of which there are 1 << STEP_BITS to a standard deviation */
    int32_t factor_clip;      /* the same for the factors of products */
    double infinite, unit;    /* what an infinite number adds to its residual, and what the residual 1 is */
} Regression;

typedef struct {
    PyObject_HEAD
    Py_ssize_t bins, columns, prediction;  /* the column of the prediction, or -1 */
    PyObject *names;                       /* tuple of texts, by column */
    PyObject *places;                      /* dict of names: the first place of each, see Order */
    int32_t *also;                         /* by place: the next one of the same column, or -1 */
    Py_ssize_t numbers, read, categories;  /* the first `read` numbers are read, the others derived */
    Number *number;
    double *cuts;                          /* by bin: the cut above it, NaN where there is none */
    int32_t *firsts;                       /* by number: its first bin */
    double *scales, *biases;               /* by number: from a value to its segment */
    uint16_t *below;                       /* (numbers, SEGMENTS): cuts in the segments below */
    Category *category;
    Regression *regression;                /* or NULL */
    PyObject *number_types;                /* tuple: further types whose float has their meaning */
    PyObject **types;                      /* its items, borrowed */
    Py_ssize_t type_count;
    /* read what is not plain: (index, value) to a float; to a bin, or a bin and the text to keep */
    PyObject *read_number, *read_category;
} Tables;

/* The names of a dict in their order, and the first place of each: a number, `numbers` + a category, or -1 where it is no
   column. Most rows of a stream have the same names in the same order, so that no name need be looked up. */
typedef struct {
    Py_ssize_t count, ignored;
    PyObject **names;
    int32_t *places;
    Py_ssize_t absent_count;
    int32_t *absent; /* the places that the dict does not have */
    int wait;        /* rows in another order until that one is learnt */
} Order;

/* Where the values of a row come from. References are borrowed. */
typedef struct {
    PyObject *features, *prediction;  /* `prediction` may be None */
    const int32_t *positions;         /* of each column in a row without names, -1 where it has none */
    const int32_t *of_numbers;        /* the same, by number */
} Source;

/* A row that was read: `numbers` has room for derived ones, `codes` are bins of categories. */
typedef struct {
    double *numbers;
    int32_t *codes;
    PyObject *texts;    /* list of (index of the category, text to keep), or NULL */
    Py_ssize_t ignored; /* values under names that are no column */
} Row;

/* What becomes of a row: it was read, has to be read by Python as a whole, or raised an exception. */
typedef enum { ROW_FAILED = -1, ROW_ELSEWHERE = 0, ROW_READ = 1 } Outcome;

int compile_number(Tables *tables, Py_ssize_t index, const double *cuts);
void derive(const Tables *tables, double *numbers);
void count_numbers(const Tables *tables, const double *numbers, int64_t *counts);
void count_matrix(const Tables *tables, const char *numbers, Py_ssize_t stride, Py_ssize_t rows, int64_t *counts);

Outcome read_dict(const Tables *tables, const Source *source, Order *order, Row *row, uint8_t *present);
void forget_order(Order *order);
void learn_order(const Tables *tables, PyObject *features, Order *order);
int read_in_order(const Tables *tables, const Source *source, const Order *order, Row *row);
int plain_number(const Tables *tables, PyObject *value, double *number);
int32_t known_code(const Category *category, PyObject *value);
int is_number_type(const Tables *tables, PyObject *value);
int32_t part_code(const Part *part, PyObject *value);
void remember_part(Part *part, PyObject *value, int32_t code);
Part *make_part(PyObject *spec, int32_t size);
void free_part(Part *part);
Outcome read_sequence(const Tables *tables, const Source *source, Row *row);
Outcome read_doubles(const Tables *tables, const char *values, Py_ssize_t stride, const Source *source, Row *row);
void count_row(const Tables *tables, const Row *row, int64_t *counts);
int may_be_left(Outcome outcome);
int reads_rows(const Tables *tables);

Py_ssize_t open_matrix(PyObject *array, Py_buffer *view, int flags, Py_ssize_t item, Py_ssize_t width);
PyObject *tables_count_numbers(PyObject *tables, PyObject *args);
PyObject *tables_count_codes(PyObject *tables, PyObject *args);
PyObject *tables_read_rows(PyObject *tables, PyObject *args);
PyObject *tables_read_columns(PyObject *tables, PyObject *args);

extern PyType_Spec tables_spec, counter_spec;

#endif
