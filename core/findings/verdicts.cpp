#include "core/findings/verdicts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "core/analysis/near_copies.h"
#include "core/analysis/sampling_units.h"
#include "core/analysis/student_t.h"
#include "core/base/error.h"
#include "core/base/quantile.h"
#include "core/base/random.h"
#include "core/base/ranks.h"
#include "core/findings/findings.h"
#include "core/findings/resample.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// Components within which halves look for their own (resample.h).
constexpr int resampledComponents = 64;
/// Units in which a push is measured that the verdict rests on (early_attractor).
constexpr double decidingSize = 1;

/// Units that stand for all, by seed, ascending; masked ones are left out.
std::vector<std::int64_t> drawUnits(const TraceView& view, std::int64_t count, std::uint64_t seed) {
    std::vector<std::int64_t> units;
    for (std::int64_t u = 0; u < view.unitCount(); ++u)
        if (!std::binary_search(view.maskedUnits.begin(), view.maskedUnits.end(), u)) units.push_back(u);
    RandomStream random(seed, 0);
    const auto kept = std::min(static_cast<std::size_t>(count), units.size());
    for (std::size_t i = 0; i < kept; ++i) std::swap(units[i], units[i + random.below(units.size() - i)]);
    units.resize(kept);
    std::sort(units.begin(), units.end());
    return units;
}

/// Runs one sweep, and puts what it gives in the place of what there was.
void runPart(const TraceView& view, const AnalysisOptions& part, Analysis& all, Progress progress) {
    Analysis made = analyze(view, part, progress, all);
    const bool stopped = made.stopped;
    merge(std::move(made), all);
    if (stopped) throw Cancelled{};
}

/// Numbers of the two findings about mutual information on random halves of the samples, each estimated anew.
/// Goes on behind the rows that `halves` has. Ranks take halves in turn.
void measureHalves(const TraceView& view, const MutualInformationOptions& information,
                   const VerdictOptions& options, MatrixD& halves, Progress progress) {
    const SamplingUnits units = samplingUnits(view);
    const Ranks& ranks = currentRanks();
    const auto measure = [&](Eigen::Index half) {
        const RanksScope alone{Ranks()};
        const auto drawn = drawHalf(units.count(), options.seed, static_cast<std::uint64_t>(half) + 1);
        std::vector<std::int64_t> rows;
        for (std::int64_t n = 0; n < view.rowCount(); ++n)
            if (drawn[static_cast<std::size_t>(units.ofRow[static_cast<std::size_t>(n)])] != 0)
                rows.push_back(n);
        Progress silent(progress.stopToken());
        const auto result = mutualInformation(withRows(view, rows), information, silent);
        return Eigen::RowVector2d(dropsThenClimbs(result.mean), earlyLessRest(result.meanExcess));
    };
    for (Eigen::Index half = halves.rows(); half < options.halves; half = halves.rows()) {
        progress.setStage(fmt::format("mutual information of half {} of {}", half + 1, options.halves));
        const Eigen::Index count = std::min<Eigen::Index>(ranks.size, options.halves - half);
        MatrixD made = MatrixD::Zero(count, 2);
        if (ranks.rank < count) made.row(ranks.rank) = measure(half + ranks.rank);
        exchangeRows(ranks, count, 2, made.data());
        halves.conservativeResize(half + count, 2);
        halves.bottomRows(count) = made;
        progress.report(static_cast<double>(half + count), options.halves);
    }
}

/// Numbers of halves of the samples, [half, finding].
void resampleAll(const TraceView& view, const VerdictOptions& options, const StepKinds& steps,
                 Evidence& evidence, Progress progress) {
    Progress wide = progress.part(0, 0.3), last = progress.part(0.3, 1);
    const PcaResult components =
        pca(view, {resampledComponents, false, options.threads, options.memoryBytes}, wide);
    const RowSource source(view, options.memoryBytes / 2, last);
    const Resampled halves =
        resample(source, components,
                 {options.resamples, options.seed, options.threads, options.memoryBytes / 2}, last);
    evidence.samples = halves.samples;
    evidence.rows = source.view().rowCount();
    evidence.resamples.resize(options.resamples, static_cast<Eigen::Index>(findings().size()));
    for (Eigen::Index b = 0; b < options.resamples; ++b) {
        const auto row = [&](const MatrixD& values) { return VectorD(values.row(b).transpose()); };
        const auto single = [&](const VectorD& values) { return VectorD::Constant(1, values[b]); };
        const Curves curves{{"density/treves_rolls", row(halves.trevesRolls)},
                            {"correlation/mean", row(halves.correlation)},
                            {"motion/cosine", row(halves.cosine)},
                            {"motion/speed", row(halves.speed)},
                            {"rotation/turning", single(halves.turning)},
                            {"rotation/mean_path_winding", single(halves.meanPathWinding)},
                            {"pca/explained", single(halves.explained)}};
        evidence.resamples.row(b) = reduceAll(curves, steps).transpose();
    }
}

/// Of `all`, the statistics named in `statistics`, with these nulls.
AnalysisOptions only(AnalysisOptions all, const std::set<std::string_view>& statistics,
                     std::vector<NullKind> nulls) {
    forEachSwept([&]<class S>() {
        if (!statistics.contains(S::info.name)) all.get<S>().reset();
    });
    all.nulls = std::move(nulls);
    return all;
}

/// Statistics of the findings from one source, by the nulls that they need.
std::map<std::vector<NullKind>, std::set<std::string_view>> statisticsByNulls(FindingSource source) {
    std::map<std::string_view, std::set<NullKind>> nullsOf;
    for (const auto& finding : findings())
        if (finding.source == source)
            nullsOf[finding.statistic].insert(finding.nulls.begin(), finding.nulls.end());
    std::map<std::vector<NullKind>, std::set<std::string_view>> statistics;
    for (auto& [statistic, nulls] : nullsOf) {
        nulls.insert(NullKind::DepthShuffle);  // the control of the paper
        statistics[{nulls.begin(), nulls.end()}].insert(statistic);
    }
    return statistics;
}

/// Surrogates of each of so many nulls: as many as take about a second, from `options.repeats` to
/// `options.mostRepeats`. From the size of the view alone, so that the same view always gets the same number.
int repeatsOfSweep(const TraceView& view, const std::set<std::string_view>& statistics, std::size_t nulls,
                   const VerdictOptions& options) {
    // A state of a surrogate is made and looked at in about 10 ns; products of states with `width` others run
    // at about 10 GFLOP a second.
    constexpr double afforded = 1e9, perState = 10, perProduct = 0.2;  // ns
    std::int64_t width = 0;
    if (statistics.contains("density")) width = std::min(view.rowCount(), view.unitCount());
    if (statistics.contains("pca")) width = view.unitCount();
    const auto states = static_cast<double>(view.rowCount() * view.pointCount() * view.unitCount());
    const double once =
        states * static_cast<double>(nulls) * (perState + perProduct * static_cast<double>(width));
    const double cheap = std::min<double>(options.mostRepeats, std::floor(afforded / once));
    return std::max(options.repeats, static_cast<int>(cheap));
}

/// All that the verdicts need and `evidence` lacks.
void gather(const TraceView& view, const VerdictOptions& options, const StepKinds& steps, Evidence& evidence,
            Progress& progress) {
    Progress swept = progress.part(0, 0.3);
    const auto sweeps = sweepsOf(view, options, FindingSource::Sweep);
    double before = 0;
    for (const auto& part : sweeps) {
        const double after = before + 1 / static_cast<double>(sweeps.size());
        runPart(view, part, evidence.analysis, swept.part(before, after));
        before = after;
    }
    for (const auto& part : sweepsOf(view, options, FindingSource::Information)) {
        runPart(view, part, evidence.analysis, progress.part(0.3, 0.7));
        MutualInformationOptions ofHalf = *part.get<MutualInformation>();
        ofHalf.threads = options.threads;
        ofHalf.memoryBytes = options.memoryBytes;
        if (options.halves > 1)
            measureHalves(view, ofHalf, options, evidence.halves, progress.part(0.7, 0.75));
    }
    if (options.refits > 0)
        reconstructLateAndEarly(
            view, {options.refits, options.splits, options.seed, options.threads, options.memoryBytes},
            evidence.reconstruction, progress.part(0.75, 0.93));
    // Evidence of a file may be of another version's findings.
    if (evidence.resamples.rows() != options.resamples ||
        evidence.resamples.cols() != static_cast<Eigen::Index>(findings().size()))
        resampleAll(view, options, steps, evidence, progress.part(0.93, 1));
}

/// The number of each finding on each surrogate of a null, [finding][repeat]; NaN left out.
std::vector<std::vector<double>> repeatsOf(const Analysis& analysis, NullKind null, const StepKinds& steps) {
    std::vector<std::vector<double>> found(findings().size());
    Eigen::Index repeats = 0;
    for (const auto& curve : analysis.nulls)
        if (curve.null == nullName(null)) repeats = std::max(repeats, curve.samples.rows());
    for (Eigen::Index repeat = 0; repeat < repeats; ++repeat) {
        Curves curves;
        for (const auto& curve : analysis.nulls)
            if (curve.null == nullName(null) && repeat < curve.samples.rows())
                curves[curve.statistic + "/" + curve.dataset] = curve.samples.row(repeat).transpose();
        const VectorD values = reduceAll(curves, steps);
        for (std::size_t i = 0; i < found.size(); ++i)
            if (const double x = values[static_cast<Eigen::Index>(i)]; !std::isnan(x)) found[i].push_back(x);
    }
    return found;
}

/// What a finding is tested with: its number, the interval, and its number on surrogates.
struct Measured {
    double observed = nan;
    Interval interval{nan, nan};
    std::map<NullKind, std::vector<double>> repeats;
};

std::vector<double> columnOf(const MatrixD& values, Eigen::Index column) {
    const auto all = values.col(column);
    return {all.begin(), all.end()};
}

std::vector<Measured> measuredOf(const Evidence& evidence, const VerdictOptions& options,
                                 const StepKinds& steps) {
    const auto all = findings();
    std::vector<Measured> measured(all.size());
    const VectorD observed = reduceAll(curvesByName(evidence.analysis.observed), steps);
    std::set<NullKind> nulls{NullKind::DepthShuffle};
    for (const auto& finding : all) nulls.insert(finding.nulls.begin(), finding.nulls.end());
    for (const auto null : nulls) {
        auto repeats = repeatsOf(evidence.analysis, null, steps);
        for (std::size_t i = 0; i < all.size(); ++i)
            if (!repeats[i].empty()) measured[i].repeats[null] = std::move(repeats[i]);
    }
    Eigen::Index half = 0;  // column of `halves`
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto column = static_cast<Eigen::Index>(i);
        Measured& m = measured[i];
        m.observed = observed[column];
        if (all[i].source == FindingSource::Sweep)
            m.interval = halvesInterval(m.observed, columnOf(evidence.resamples, column), evidence.samples);
        if (all[i].source == FindingSource::Information && evidence.halves.rows() > 1)
            m.interval = halvesInterval(m.observed, columnOf(evidence.halves, half++), evidence.samples);
        if (all[i].source == FindingSource::Refits && options.refits > 0) {
            const VectorD& differences = evidence.reconstruction.differences;
            m.observed = differences[0];
            m.interval = {evidence.reconstruction.interval[0], evidence.reconstruction.interval[1]};
            for (std::size_t n = 0; n < reconstructionNulls.size(); ++n) {
                const auto part =
                    differences.segment(1 + static_cast<Eigen::Index>(n) * options.refits, options.refits);
                m.repeats[reconstructionNulls[n]].assign(part.begin(), part.end());
            }
        }
        // Symmetric intervals may pass what the number can be; the value itself stays inside.
        m.interval.low = std::max(m.interval.low, std::min(all[i].least, m.observed));
        m.interval.high = std::min(m.interval.high, std::max(all[i].most, m.observed));
    }
    return measured;
}

NullComparison compare(double observed, NullKind null, const std::vector<double>& repeats, bool costly) {
    NullComparison c{
        std::string(nullName(null)),     nan, nan, nan, {nan, PMethod::None}, {nan, PMethod::None}, nan,
        static_cast<int>(repeats.size())};
    if (repeats.empty()) return c;
    std::vector<double> sorted = repeats;
    std::sort(sorted.begin(), sorted.end());
    c.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
    c.low = quantile(sorted, 0.025);
    c.high = quantile(sorted, 0.975);
    c.upper = costly ? upperTailOfNormal(observed, repeats) : upperTail(observed, repeats);
    c.lower = costly ? lowerTailOfNormal(observed, repeats) : lowerTail(observed, repeats);
    c.share = c.mean / observed;
    return c;
}

/// Fills in the nulls, and p in and against the published direction: the greatest of all nulls.
void compareAll(const Finding& finding, const Measured& measured, Verdict& v) {
    const bool costly = finding.source == FindingSource::Refits;
    for (const auto null : finding.nulls)
        if (const auto repeats = measured.repeats.find(null); repeats != measured.repeats.end())
            v.nulls.push_back(compare(v.observed, null, repeats->second, costly));
    const auto shuffled = measured.repeats.find(NullKind::DepthShuffle);
    if (!finding.nulls.empty() && shuffled != measured.repeats.end()) {
        const NullComparison control = compare(v.observed, NullKind::DepthShuffle, shuffled->second, false);
        v.depthShuffleMean = control.mean;
        v.depthShuffleP = towards(finding.direction, control).p;
    }
    if (v.nulls.empty()) return;
    const TailP p = towardsAll(finding.direction, v.nulls);
    v.p = p.p;
    v.pMethod = p.method;
    v.pAway = finding.direction == 0 ? nan : towardsAll(-finding.direction, v.nulls).p;
    // First the one that comes closest: by p, and by its share where none reaches the value.
    const auto closeness = [&](const NullComparison& c) {
        return std::pair(mostlyNull(c.share), towards(finding.direction, c).p);
    };
    std::stable_sort(v.nulls.begin(), v.nulls.end(),
                     [&](const auto& a, const auto& b) { return closeness(a) > closeness(b); });
}

/// Of a number tested against zero alone: Student's t, with the standard error in its interval.
void compareWithZero(Verdict& v) {
    const auto degrees = static_cast<double>(v.samples - 1);
    const double error = (v.interval.high - v.interval.low) / (2 * studentQuantile(0.025, degrees));
    if (!(error > 0)) return;
    v.p = studentTail(v.direction * v.observed / error, degrees);
    v.pAway = 1 - v.p;
    v.pMethod = PMethod::StudentT;
}

/// Mean of paired differences with its 95 % interval, by Student's t. The variance has two parts: that of the
/// mean over samples, and that of the directions of the pushes, which are fitted to samples too (`shifts` of
/// the mean, over halves; may be empty). Degrees of freedom by Welch and Satterthwaite.
PushResponse responseOf(double size, const VectorD& differences, const VectorD& shifts,
                        const SignFlipTest& flipped) {
    const auto variance = [](const VectorD& x) {
        return x.size() < 2 ? 0.0 : (x.array() - x.mean()).square().sum() / static_cast<double>(x.size() - 1);
    };
    const auto n = static_cast<double>(differences.size()), halves = static_cast<double>(shifts.size());
    const double ofSamples = variance(differences) / n, ofDirections = variance(shifts),
                 sum = ofSamples + ofDirections;
    const double mean = differences.mean();
    double degrees = n - 1;
    if (ofDirections > 0)
        degrees = sum * sum / (ofSamples * ofSamples / (n - 1) + ofDirections * ofDirections / (halves - 1));
    const double width = n > 1 ? studentQuantile(0.025, degrees) * std::sqrt(sum) : nan;
    return {size, mean, mean - width, mean + width, flipped.pLower};
}

/// The verdict rests on pushes of one s; those of other sizes must not say the opposite.
void judgePushes(const EarlyAttractor& attractor, std::uint64_t seed, Verdict& v) {
    v.samples = v.rows = attractor.differences.rows();
    for (Eigen::Index i = 0; i < attractor.differences.cols(); ++i) {
        const VectorD differences = attractor.differences.col(i);
        const SignFlipTest flipped = flipSignsOfDifferences(differences, seed);
        const bool decides = attractor.sizes[i] == decidingSize;
        v.responses.push_back(responseOf(attractor.sizes[i], differences,
                                         decides ? attractor.basisShifts : VectorD(), flipped));
        if (!decides) continue;
        const PushResponse& response = v.responses.back();
        v.observed = response.mean;
        v.interval = {response.low, response.high};
        v.nulls = {{"flipped_signs",
                    flipped.mean,
                    flipped.low,
                    flipped.high,
                    {flipped.pUpper, PMethod::SignFlips},
                    {flipped.pLower, PMethod::SignFlips},
                    flipped.mean / response.mean,
                    signFlips}};
        v.p = flipped.pLower;
        v.pAway = flipped.pUpper;
        v.pMethod = PMethod::SignFlips;
    }
}

/// Sizes of pushes whose interval lies on the other side of zero than that of the deciding size.
bool sizesDisagree(const Verdict& v) {
    return std::any_of(v.responses.begin(), v.responses.end(),
                       [&](const PushResponse& r) { return v.observed < 0 ? r.low > 0 : r.high < 0; });
}

/// "there are 3 points, and 8 are needed"; empty where there are enough.
std::string tooFew(std::int64_t there, const char* what, std::int64_t needed) {
    if (there >= needed) return "";
    const bool one = there == 1;
    return fmt::format("there {} {} {}{}, and {} are needed", one ? "is" : "are", there, what, one ? "" : "s",
                       needed);
}

/// Why the number of a finding is not there.
std::string whyUndefined(const Finding& finding, const StepKinds& steps, const VerdictOptions& options) {
    if (finding.key == "inside_exceeds_across" && !steps.blocksNamed())
        return "these points do not tell the attention of a block from its MLP";
    const bool leftOut = (finding.source == FindingSource::Refits && options.refits == 0) ||
                         (finding.source == FindingSource::Information && options.mutualUnits == 0);
    return leftOut ? "it was left out" : "the statistic is not defined here";
}

std::string whyNotTested(const Finding& finding, const Verdict& v, const TraceView& view,
                         const StepKinds& steps, const VerdictOptions& options,
                         const EarlyAttractor& attractor) {
    const bool pushes = finding.source == FindingSource::Pushes;
    const bool pushed = pushes && attractor.differences.rows() > 0;
    const std::string samples = pushed ? "" : tooFew(v.samples, "distinct sample", leastSamples);
    if (!samples.empty()) return samples;
    if (const std::string points = tooFew(view.pointCount(), "point", leastPoints); !points.empty())
        return points;
    if (pushes && !pushed) return attractor.reason.empty() ? "it needs a model" : attractor.reason;
    if (v.samples < leastSamples)
        return fmt::format("pushes were measured on {} samples, and {} are needed", v.samples, leastSamples);
    return std::isnan(v.observed) ? whyUndefined(finding, steps, options) : "";
}

}  // namespace

void judgeAll(std::vector<Verdict>& list) {
    std::vector<double> p, away;
    for (const auto& v : list) {
        p.push_back(v.reason.empty() ? v.p : nan);
        away.push_back(v.reason.empty() ? v.pAway : nan);
    }
    const std::vector<double> adjusted = holmAdjusted(p), awayAdjusted = holmAdjusted(away);
    for (std::size_t i = 0; i < list.size(); ++i) {
        Verdict& v = list[i];
        if (!v.reason.empty()) continue;
        v.pAdjusted = adjusted[i];
        v.pAwayAdjusted = awayAdjusted[i];
        const double share = v.nulls.empty() ? nan : v.nulls.front().share;
        v.verdict = judge(v.direction, v.interval, v.pAdjusted, v.pAwayAdjusted, share);
        if (v.verdict == VerdictKind::Supported && sizesDisagree(v)) {
            v.verdict = VerdictKind::NotSeen;
            v.reason = "pushes of another size do the opposite";
        }
    }
}

AnalysisOptions statisticsOf(const TraceView& view, const VerdictOptions& options) {
    AnalysisOptions all;
    all.get<Density>().emplace();
    all.get<Correlation>().emplace();
    all.get<Motion>().emplace();
    all.get<Rotation>().emplace();
    all.get<Pca>().emplace().components = options.components;
    if (options.mutualUnits > 0) {
        auto& information = all.get<MutualInformation>().emplace();
        information.seed = options.seed;
        information.units = drawUnits(view, options.mutualUnits, options.seed);
    }
    all.repeats = options.repeats;
    all.seed = options.seed;
    all.threads = options.threads;
    all.memoryBytes = options.memoryBytes;
    all.keepFinished = options.keepFinished;
    return all;
}

std::vector<AnalysisOptions> sweepsOf(const TraceView& view, const VerdictOptions& options,
                                      FindingSource source) {
    const AnalysisOptions all = statisticsOf(view, options);
    std::vector<AnalysisOptions> sweeps;
    for (const auto& [nulls, statistics] : statisticsByNulls(source)) {
        AnalysisOptions part = only(all, statistics, nulls);
        if (source == FindingSource::Sweep)
            part.repeats = repeatsOfSweep(view, statistics, nulls.size(), options);
        else if (!part.get<MutualInformation>())
            continue;  // it was left out
        sweeps.push_back(std::move(part));
    }
    return sweeps;
}

Verdicts verdicts(const TraceView& asked, const VerdictOptions& options, const EarlyAttractor& earlyAttractor,
                  Progress& progress, Evidence known, const std::vector<Verdict>& others) {
    const TraceView view = withNearCopiesGrouped(asked, progress);
    const StepKinds steps(view);
    Verdicts result;
    result.evidence = std::move(known);
    Evidence& evidence = result.evidence;
    evidence.attractor = earlyAttractor;
    evidence.stopped = false;
    evidence.samples = samplingUnits(view).count();
    evidence.rows = view.rowCount();
    const bool testable = evidence.samples >= leastSamples && view.pointCount() >= leastPoints;
    try {
        if (testable) gather(view, options, steps, evidence, progress);
    } catch (const Cancelled&) {
        if (!options.keepFinished) throw;
        evidence.stopped = true;
        return result;
    }
    std::vector<Measured> measured(findings().size());
    if (testable) measured = measuredOf(evidence, options, steps);
    for (std::size_t i = 0; i < measured.size(); ++i) {
        const Finding& finding = findings()[i];
        Verdict v;
        v.key = finding.key;
        v.direction = finding.direction;
        v.samples = evidence.samples;
        v.rows = evidence.rows;
        v.observed = measured[i].observed;
        v.interval = measured[i].interval;
        if (finding.source == FindingSource::Pushes && earlyAttractor.differences.rows() > 0)
            judgePushes(earlyAttractor, options.seed, v);
        else if (finding.nulls.empty() && finding.source == FindingSource::Sweep)
            compareWithZero(v);
        else
            compareAll(finding, measured[i], v);
        v.reason = whyNotTested(finding, v, view, steps, options, earlyAttractor);
        result.list.push_back(std::move(v));
    }
    result.list.insert(result.list.end(), others.begin(), others.end());
    judgeAll(result.list);
    progress.report(1, 1);
    return result;
}

std::vector<Verdict> compareWithoutOutliers(std::vector<Verdict> withAll, const std::vector<Verdict>& without,
                                            const std::string& outliers) {
    for (std::size_t i = 0; i < withAll.size() && i < without.size(); ++i) {
        Verdict& v = withAll[i];
        const bool measuredAgain = i < findings().size() && findings()[i].source != FindingSource::Pushes;
        if (!measuredAgain || v.verdict == VerdictKind::NotTested || v.verdict == without[i].verdict)
            continue;
        v.withAll = v.verdict;
        v.withoutOutliers = without[i].verdict;
        v.observedWithoutOutliers = without[i].observed;
        if (!without[i].nulls.empty()) v.nullWithoutOutliers = without[i].nulls.front().mean;
        v.verdict = VerdictKind::RestsOnOutliers;
        v.reason = without[i].reason;
        v.outliers = outliers;
    }
    return withAll;
}

}  // namespace rheo
