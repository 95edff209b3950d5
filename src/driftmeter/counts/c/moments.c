/* Moments: the hour or the weekday of numbers, texts in ISO 8601 and date-times, as `Reader` reads them. Whatever is written
   in another way is left to Python. */
#include <math.h>

#include "tables.h"

/* 1990 and 2100, see SINCE and UNTIL of driftmeter/timestamps.py: other numbers are no seconds since the epoch. */
static const int64_t SINCE = 631152000, UNTIL = 4102444800;

enum { DAY = 86400 };

/* `second` is that since the epoch in UTC, or by the clock that shows it where it is not `aware`. `offset` (s) takes it to
   the clock by which it was written. */
typedef struct {
    int64_t second, offset;
    int aware;
} Moment;

/* Return a number of `count` digits; -1 where one is none. */
static int digits(const char *text, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        number = 10 * number + (text[i] - '0');
    }
    return number;
}

/* Return the days from 1970-01-01 to a date; false where the calendar lacks it. */
static int days_to(int year, int month, int day, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (month == 2 && is_leap))
        return 0;
    int before = year - 1;
    *days = 365 * (int64_t)before + before / 4 - before / 100 + before / 400 - 719162;
    for (int i = 1; i < month; i++)
        *days += lengths[i - 1] + (i == 2 && is_leap);
    *days += day - 1;
    return 1;
}

/* Read +hh:mm, -hh:mm, Z or nothing. */
static int read_offset(const char *text, Py_ssize_t length, Moment *moment)
{
    moment->offset = 0, moment->aware = length > 0;
    if (length == 0 || (length == 1 && text[0] == 'Z'))
        return 1;
    if (length != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return 0;
    int hours = digits(text + 1, 2), minutes = digits(text + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return 0;
    moment->offset = (text[0] == '-' ? -60 : 60) * (60 * hours + minutes);
    return 1;
}

/* Read YYYY-MM-DD, and behind it hh:mm, seconds, at most six digits of a fraction, and the offset from UTC. */
static int read_iso(const char *text, Py_ssize_t length, Moment *moment)
{
    int64_t days;
    if (length < 10 || text[4] != '-' || text[7] != '-' ||
        !days_to(digits(text, 4), digits(text + 5, 2), digits(text + 8, 2), &days))
        return 0;
    *moment = (Moment){days * DAY, 0, 0};
    if (length == 10)
        return 1;
    if (length < 16 || (text[10] != 'T' && text[10] != ' ') || text[13] != ':')
        return 0;
    int hour = digits(text + 11, 2), minute = digits(text + 14, 2), second = 0;
    Py_ssize_t end = 16;
    if (length >= 19 && text[16] == ':') {
        second = digits(text + 17, 2), end = 19;
        if (length > 20 && text[19] == '.')
            for (end = 20; end < length && end < 26 && digits(text + end, 1) >= 0;)
                end++;
        if (end == 20)
            return 0;
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 ||
        !read_offset(text + end, length - end, moment))
        return 0;
    moment->second += 3600 * hour + 60 * minute + second - moment->offset;
    return 1;
}

static int field_of(PyObject *value, const char *name)
{
    PyObject *number = PyObject_GetAttrString(value, name);
    long field = number == NULL ? -1 : PyLong_AsLong(number);
    Py_XDECREF(number);
    return (int)field;
}

/* Read a date-time of Python by what it shows, unless a zone has to be applied to it. It is of that very type: no code of
   Python runs, and none of these attributes is an object that starts a garbage collection. */
static int read_shown(const Part *part, PyObject *value, Moment *moment)
{
    int64_t days;
    PyObject *zone = part->has_zone ? PyObject_GetAttrString(value, "tzinfo") : Py_NewRef(Py_None);
    int reads = zone == Py_None && days_to(field_of(value, "year"), field_of(value, "month"), field_of(value, "day"), &days);
    Py_XDECREF(zone);
    if (reads)
        *moment = (Moment){days * DAY + 3600 * field_of(value, "hour"), 0, 0};
    PyErr_Clear();
    return reads;
}

/* Read a moment; return 0 where Python has to look, and where it is none. */
static int read_moment(const Part *part, PyObject *value, Moment *moment)
{
    if ((PyObject *)Py_TYPE(value) == part->type)
        return read_shown(part, value, moment);
    if (PyFloat_CheckExact(value)) {
        double number = PyFloat_AsDouble(value), whole = floor(number);
        if (!(number >= (double)SINCE && number < (double)UNTIL) || number - whole >= 0.999999)
            return 0; /* the last microsecond is rounded to the next second */
        *moment = (Moment){(int64_t)whole, 0, 1};
        return 1;
    }
    if (PyLong_CheckExact(value)) {
        *moment = (Moment){PyLong_AsLongLong(value), 0, 1};
        PyErr_Clear(); /* of one that is too large: -1 */
        return moment->second >= SINCE && moment->second < UNTIL;
    }
    Py_ssize_t length;
    const char *text = PyUnicode_CheckExact(value) ? PyUnicode_AsUTF8AndSize(value, &length) : NULL;
    PyErr_Clear(); /* of half a surrogate pair */
    return text != NULL && read_iso(text, length, moment);
}

/* Whether only the rules of the zone tell what its clocks showed. */
static int is_of_zone(const Part *part, const Moment *moment)
{
    return part->has_zone && moment->aware;
}

/* Return the bin of a moment; -1 where Python has to look, and where it is no moment. */
int32_t part_code(const Part *part, PyObject *value)
{
    Moment moment;
    if (!read_moment(part, value, &moment))
        return -1;
    if (is_of_zone(part, &moment)) {
        const Remembered *one = &part->remembered[moment.second & (REMEMBERED - 1)];
        return one->second == moment.second && moment.second >= SINCE ? one->code : -1;
    }
    int64_t second = moment.second + moment.offset, day = second / DAY - (second % DAY < 0);
    return part->codes[part->is_hour ? (second - day * DAY) / 3600 : ((day + 3) % 7 + 7) % 7];
}

/* Remember the bin that Python found for a moment: rows that come at the same time need not be asked about again. */
void remember_part(Part *part, PyObject *value, int32_t code)
{
    Moment moment;
    if (read_moment(part, value, &moment) && is_of_zone(part, &moment) && moment.second >= SINCE)
        part->remembered[moment.second & (REMEMBERED - 1)] = (Remembered){moment.second, code};
}

/* Make a part from (bins of each hour or weekday as int32, whether it has a zone, the type of date-times), which are of a
   category of `size` bins; NULL, with an exception, where they are wrong. */
Part *make_part(PyObject *spec, int32_t size)
{
    Py_buffer bins;
    int has_zone;
    PyObject *type;
    if (!PyArg_ParseTuple(spec, "y*pO:part", &bins, &has_zone, &type))
        return NULL;
    Py_ssize_t count = bins.len / (Py_ssize_t)sizeof(int32_t);
    const int32_t *codes = bins.buf;
    int fits = count == 24 || count == 7;
    for (Py_ssize_t i = 0; fits && i < count; i++)
        fits = codes[i] >= -1 && codes[i] < size;
    Part *part = fits ? PyMem_Calloc(1, sizeof *part) : NULL;
    if (part != NULL) {
        for (Py_ssize_t i = 0; i < count; i++)
            part->codes[i] = codes[i];
        part->is_hour = count == 24, part->has_zone = has_zone, part->type = Py_NewRef(type);
    } else if (fits)
        PyErr_NoMemory();
    else
        PyErr_Format(PyExc_ValueError, "expected 24 or 7 bins below %d, got %zd", (int)size, count);
    PyBuffer_Release(&bins);
    return part;
}

void free_part(Part *part)
{
    if (part != NULL)
        Py_XDECREF(part->type);
    PyMem_Free(part);
}
