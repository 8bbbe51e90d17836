#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/point_spectra.h"
#include "core/analysis/sweep.h"
#include "core/base/array.h"
#include "core/base/progress.h"

/// What a statistic tells of itself, so that code which knows no statistic can compute it, store it, offer
/// its options and draw its curves. Each statistic has such a description beside its functions, and a row in
/// table.h. A description `S` has
///
/// - `S::info`, `S::Options`, `S::Result`;
/// - `S::visitOptions(visitor, options)`: each option a person may set, with its range and a sentence;
/// - `S::visit(visitor, result)`: each dataset of the result, in the order of the definitions. Curves are
///   named as such: they have nulls, and can be drawn along their axis;
/// - `S::nanoseconds(options, sizes, observed)`: about how long one core of a machine of 2024 takes, of the
///   observed paths or of a surrogate. It must grow with the sizes as the computation does: a forecast
///   measures how fast this machine is on a few rows, and goes from there to all (core/session/forecast.h);
/// - one of two ways to compute it: `S::Accumulator`, fed by a sweep over the trace that many statistics and
///   surrogates share, or `S::compute(view, options, progress)`.
///
/// An accumulator has a constructor (options, Computation), `addTo(Feed&)`, and `finish(Again, Progress)`,
/// which gives the result. What only some have, and code asks for by `requires`:
///
/// - `S::Accumulator::bytes(options, Computation)`: what one of a surrogate holds, about;
/// - `S::Accumulator::extraPasses(options, Computation)`: how often finish() reads all rows again;
/// - `S::Accumulator::usesPointSpectra(options)`: finish() asks for the spectra of single points;
/// - `readsAgain()`: finish() goes over the source again, and so cannot run beside others;
/// - `S::whyUndefined(view, options, memoryBytes)`: why it cannot be computed, or empty;
/// - `S::curvesOnly(options)`: switches off what has no null, for a computation of which only curves are
/// wanted;
/// - `S::setScaling(result, scaling)`: for a result that says how its states were scaled.
namespace rheo {

/// Statistics of one class are computed in one sweep over rows that are held in memory, quick ones first.
enum class CostClass {
    Quick,    ///< a few operations a value
    Spectra,  ///< products of matrices
    Slow,     ///< much more: few surrogates are made at a time, so that a stop loses little
};

struct StatisticInfo {
    std::string_view name;   ///< in results files, and for --stat: "mutual_information"
    std::string_view title;  ///< "Mutual information"
    std::string_view shows;  ///< what it is, in one line
    CostClass cost = CostClass::Quick;
    std::int64_t leastPoints = 1, leastRows = 1, leastStates = 1;
};

/// What a curve goes along, which gives its length. P points, D units, L blocks.
enum class Along {
    Points,      ///< P
    Steps,       ///< P - 1, from each point to the next
    Bends,       ///< P - 2, from each step to the next
    Units,       ///< D
    Blocks,      ///< L, or L - 1 for what lies between blocks; empty without named blocks
    Components,  ///< k
    One,         ///< a single number
};

/// Sizes of what was analysed.
struct Sizes {
    std::int64_t rows = 0, points = 0, units = 0;

    double rowCount() const { return static_cast<double>(rows); }
    double pointCount() const { return static_cast<double>(points); }
    double unitCount() const { return static_cast<double>(units); }
    double states() const { return rowCount() * pointCount(); }
    double values() const { return states() * unitCount(); }
};
constexpr std::int64_t anySize = -1;       ///< and it may be absent
constexpr std::int64_t asLongAsAxis = -2;  ///< of a curve: lengthAlong() of its axis
/// Length of a curve along `axis`; anySize where the sizes do not say.
std::int64_t lengthAlong(Along axis, const Sizes& sizes);

/// Visits nothing: a base for visitors that look at some datasets only.
struct DatasetVisitor {
    Sizes sizes;

    void matrix(const auto&...) {}
    void optional(const auto&...) {}
    void vector(const auto&...) {}
    void number(const auto&...) {}
    void counts(const auto&...) {}
    void bases(const auto&...) {}
    void scores(const auto&...) {}
    void examples(const auto&...) {}
    void ids(const auto&...) {}
    void names(const auto&...) {}
    void histogram(const auto&...) {}
    void rows(const auto&...) {}
    void layers(const auto&...) {}
    void attribute(const auto&...) {}
    void flag(const auto&...) {}
    /// A curve that surrogates have as well, and so has nulls: (name, values, axis), and a length where the
    /// axis does not say it.
    void curve(const auto&...) {}
    /// A single number that surrogates have as well.
    void curveOfOne(const auto&...) {}
    /// A curve that surrogates do not have.
    void curveWithoutNull(const auto&...) {}
};

/// The spectra of single points, which several statistics need: computed once, when the first asks.
class SharedPointSpectra {
public:
    SharedPointSpectra(const TraceView& view, int threads, std::size_t memoryBytes)
        : m_view(view), m_threads(threads), m_memoryBytes(memoryBytes) {}
    /// Also the shares that the largest components explain. Call it before get().
    void wantExplained() { m_explained = true; }
    const PointSpectra& get(Progress& progress);

private:
    TraceView m_view;
    int m_threads;
    std::size_t m_memoryBytes;
    bool m_explained = false;
    std::optional<PointSpectra> m_spectra;
};

/// What all statistics of one sweep share.
struct Computation {
    const RowSource& source;
    bool observed = true;  ///< not of a surrogate, of which only curves are wanted
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;  ///< of all of it
    SharedPointSpectra* pointSpectra = nullptr;      ///< of the observed paths

    std::int64_t states() const { return source.view().rowCount() * source.view().pointCount(); }
};

/// The same paths once more, for what one pass cannot give.
class Again {
public:
    Again(const RowSource& source, PathMaker& maker, std::int64_t repeat, const SweepOptions& options)
        : m_source(source), m_maker(maker), m_repeat(repeat), m_options(options) {}
    /// Feeds all rows to `statistic`.
    void feedRows(RowStatistic& statistic, const Progress& progress) const;
    /// Feeds all states, as often as it is called.
    FeedStates states() const { return feedStatesOf(m_source, m_maker, m_repeat, m_options); }

private:
    const RowSource& m_source;
    PathMaker& m_maker;
    std::int64_t m_repeat;
    SweepOptions m_options;
};

}  // namespace rheo
