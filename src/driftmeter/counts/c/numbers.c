/* Numbers: residuals, segments and bins. */
#include <math.h>
#include <string.h>

#include "tables.h"

/* 1.5 · 2**52: a small double plus this, less this, is rounded to a whole one, half to even. */
#define TO_WHOLE 6755399441055744.0

static const uint64_t UNREADABLE_BITS = 0x7FF800000000D81Full; /* UNREADABLE of driftmeter/profile/values.py */

static inline int32_t segment_of(double value, double scale, double bias)
{
    /* monotone in `value`, also as it is rounded; NaN comes to 0 */
    double scaled = value * scale + bias;
    scaled = scaled > 0 ? scaled : 0;
    scaled = scaled < SEGMENTS - 1 ? scaled : SEGMENTS - 1;
    return (int32_t)scaled;
}

/* Place the cuts of one feature, and divide its range. Returns -1, with an exception, where there are too few or too many. */
int compile_number(Tables *tables, Py_ssize_t index, const double *cuts)
{
    const Number *number = &tables->number[index];
    uint16_t *below_segment = tables->below + index * SEGMENTS;
    Py_ssize_t count = number->cut_count, outer = count > 6 ? 2 : 1;
    if (count < 4 || count > MOST_CUTS) {
        PyErr_Format(PyExc_ValueError, "expected 4 to %d cuts, got %zd", MOST_CUTS, count);
        return -1;
    }
    double low = cuts[outer], high = cuts[count - 1 - outer];
    double scale = (SEGMENTS - 2) / (high - low), bias = 1 - low * scale;
    memcpy(tables->cuts + tables->firsts[index], cuts, (size_t)count * sizeof *cuts);
    if (!isfinite(scale) || !isfinite(bias))
        scale = bias = 0; /* one segment for all values */
    tables->scales[index] = scale;
    tables->biases[index] = bias;
    Py_ssize_t below = 0;
    for (int32_t segment = 0; segment < SEGMENTS; segment++) {
        while (below < count && segment_of(cuts[below], scale, bias) < segment)
            below++;
        below_segment[segment] = (uint16_t)below;
    }
    return 0;
}

/* The bin of a finite value that is in `bin` or above it. */
static int32_t bin_from(const Tables *tables, Py_ssize_t index, double value, int32_t bin)
{
    int32_t low = bin, high = tables->firsts[index] + (int32_t)tables->number[index].cut_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (value >= tables->cuts[middle])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline int32_t finite_bin(const Tables *tables, Py_ssize_t index, double value, int32_t segment)
{
    /* most segments hold one cut or none */
    int32_t bin = tables->firsts[index] + tables->below[index * SEGMENTS + segment];
    bin += value >= tables->cuts[bin];
    return value >= tables->cuts[bin] ? bin_from(tables, index, value, bin) : bin;
}

static int32_t any_bin(const Tables *tables, Py_ssize_t index, double value)
{
    const Number *number = &tables->number[index];
    if (isfinite(value))
        return finite_bin(tables, index, value, segment_of(value, tables->scales[index], tables->biases[index]));
    if (!isnan(value))
        return number->not_finite;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits == UNREADABLE_BITS ? number->unreadable : number->missing;
}

/* Have memory at hand soon: what a request of the model server has put out of the cache comes in parallel then. */
#if defined(__GNUC__)
#define EXPECT(address) __builtin_prefetch(address)
#else
#define EXPECT(address) ((void)(address))
#endif

/* Add one to the bin of each number; `numbers` has all of them, derived ones too. */
void count_numbers(const Tables *tables, const double *numbers, int64_t *counts)
{
    enum { BLOCK = 64 };
    int32_t segments[BLOCK];
    for (Py_ssize_t start = 0; start < tables->numbers; start += BLOCK) {
        Py_ssize_t length = tables->numbers - start < BLOCK ? tables->numbers - start : BLOCK;
        const double *values = numbers + start, *scales = tables->scales + start, *biases = tables->biases + start;
        double odd = 0; /* NaN as soon as some value is not finite */
        for (Py_ssize_t i = 0; i < length; i++) {
            segments[i] = segment_of(values[i], scales[i], biases[i]);
            odd += values[i] - values[i];
        }
        for (Py_ssize_t i = 0; i < length; i++)
            EXPECT(&tables->below[(start + i) * SEGMENTS + segments[i]]);
        for (Py_ssize_t i = 0; i < length; i++) {
            int32_t bin = tables->firsts[start + i] + tables->below[(start + i) * SEGMENTS + segments[i]];
            EXPECT(&tables->cuts[bin]);
            EXPECT(&counts[bin]);
        }
        if (odd == 0)
            for (Py_ssize_t i = 0; i < length; i++)
                counts[finite_bin(tables, start + i, values[i], segments[i])]++;
        else
            for (Py_ssize_t i = 0; i < length; i++)
                counts[any_bin(tables, start + i, values[i])]++;
    }
}

/* The same for `rows` rows that are `stride` bytes apart: feature by feature, so that its tables stay in the nearest cache, and
   so many rows at once as fit it too. */
void count_matrix(const Tables *tables, const char *numbers, Py_ssize_t stride, Py_ssize_t rows, int64_t *counts)
{
    double values[ROWS_AT_ONCE];
    int32_t segments[ROWS_AT_ONCE];
    for (Py_ssize_t start = 0; start < rows; start += ROWS_AT_ONCE) {
        Py_ssize_t length = rows - start < ROWS_AT_ONCE ? rows - start : ROWS_AT_ONCE;
        for (Py_ssize_t index = 0; index < tables->numbers; index++) {
            const char *from = numbers + start * stride + index * (Py_ssize_t)sizeof(double);
            const double scale = tables->scales[index], bias = tables->biases[index];
            double odd = 0; /* NaN as soon as some value is not finite */
            for (Py_ssize_t i = 0; i < length; i++)
                values[i] = *(const double *)(from + i * stride);
            for (Py_ssize_t i = 0; i < length; i++) {
                segments[i] = segment_of(values[i], scale, bias);
                odd += values[i] - values[i];
            }
            if (odd == 0)
                for (Py_ssize_t i = 0; i < length; i++)
                    counts[finite_bin(tables, index, values[i], segments[i])]++;
            else
                for (Py_ssize_t i = 0; i < length; i++)
                    counts[any_bin(tables, index, values[i])]++;
        }
    }
}

/* Several doubles that one instruction handles, where the compiler knows such. */
#if defined(__GNUC__)
typedef double Lanes __attribute__((vector_size(16), aligned(8), may_alias));
#else
typedef double Lanes;
#endif
enum { LANES = sizeof(Lanes) / sizeof(double), LANES_IN_GROUP = GROUP / LANES };

/* Add up the terms for all targets, a group at a time: their sums stay in registers. */
static void add_terms(const Regression *of, const double *terms, double *sums)
{
    Py_ssize_t count = of->columns + of->products;
    const double *weights = of->weights;
    for (Py_ssize_t first = 0; first < of->targets; first += GROUP) {
        Lanes group[LANES_IN_GROUP];
        memset(group, 0, sizeof group);
        for (Py_ssize_t k = 0; k < count; k++, weights += GROUP)
            for (int lane = 0; lane < LANES_IN_GROUP; lane++)
                group[lane] += terms[k] * ((const Lanes *)weights)[lane];
        memcpy(sums + first, group, sizeof group);
    }
}

/* Keeps a loop from being turned into vectors, which would be slower where operands come from all over. */
#if defined(__GNUC__)
#define ONE_BY_ONE(value) __asm__("" : "+r"(value))
#else
#define ONE_BY_ONE(value) ((void)0)
#endif

/* Write the residuals of a row behind the numbers that were read, if there are any. The terms are integers in doubles: every
   sum is exact, in any order. */
void derive(const Tables *tables, double *numbers)
{
    const Regression *of = tables->regression;
    if (of == NULL)
        return;
    double *residuals = numbers + tables->read;
    double terms[MOST_TERMS], sums[MOST_REGRESSED + GROUP];
    int32_t factors[MOST_REGRESSED], known[MOST_REGRESSED]; /* `known` has all bits set where there is a finite number, or none */
    int some_outside = 0;
    for (Py_ssize_t c = 0; c < of->columns; c++) {
        double value = numbers[of->numbers[c]];
        known[c] = -(value - value == 0);
        some_outside |= (value < of->low[c]) | (value >= of->end[c]);
        double step = (value - of->means[c]) * of->scales[c];
        step = step < -of->clip ? -of->clip : step;
        step = step > of->clip ? of->clip : step;
        terms[c] = known[c] ? (step + TO_WHOLE) - TO_WHOLE : 0;
        int32_t factor = (int32_t)terms[c];
        factor = factor < -of->factor_clip ? -of->factor_clip : factor;
        factors[c] = factor > of->factor_clip ? of->factor_clip : factor;
    }
    for (Py_ssize_t p = 0; p < of->products; p++) {
        const Product *product = &of->factors[p];
        int32_t value = (factors[product->first] * factors[product->second] >> STEP_BITS) - product->mean;
        ONE_BY_ONE(value);
        terms[of->columns + p] = value & known[product->first] & known[product->second];
    }
    add_terms(of, terms, sums);
    for (Py_ssize_t t = 0; t < of->targets; t++) {
        double own = numbers[of->numbers[of->target_columns[t]]];
        if (isnan(own))
            sums[t] = NAN;
        else if (isinf(own))
            sums[t] += copysign(of->infinite, own);
    }
    for (Py_ssize_t c = 0; some_outside && c < of->columns; c++) {
        double value = numbers[of->numbers[c]];
        if (value < of->low[c] || value >= of->end[c])
            for (Py_ssize_t t = 0; t < of->targets; t++)
                if (of->leaning[c * of->targets + t])
                    sums[t] = NAN;
    }
    for (Py_ssize_t t = 0; t < of->targets; t++)
        residuals[t] = sums[t] / of->unit;
}
