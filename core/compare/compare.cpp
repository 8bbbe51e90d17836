#include "core/compare/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "core/analysis/row_source.h"
#include "core/base/error.h"
#include "core/trace/joined_trace.h"

namespace rheo {

namespace {

using AlignmentName = std::pair<Alignment, std::string_view>;
constexpr std::array alignmentNames{
    AlignmentName{Alignment::Own, "own"}, AlignmentName{Alignment::One, "one"},
    AlignmentName{Alignment::Pooled, "pooled"}, AlignmentName{Alignment::Procrustes, "procrustes"}};

RowsOfTrace rowsOf(const TraceView& view, std::vector<std::int64_t>& kept) {
    for (std::int64_t n = 0; n < view.rowCount(); ++n) kept.push_back(view.traceRow(n));
    return {view.trace->info(), kept};
}

std::vector<ResidualPoint> pointsOf(const TraceView& view) {
    std::vector<ResidualPoint> points;
    for (std::int64_t p = 0; p < view.pointCount(); ++p)
        points.push_back(view.trace->info().points[static_cast<std::size_t>(view.tracePoint(p))]);
    return points;
}

/// All rows of all views as one, of the same width and points.
TraceView joined(const std::vector<TraceView>& views) {
    std::vector<std::shared_ptr<const Trace>> parts;
    std::vector<PickedRow> rows;
    std::vector<Sample> samples;
    for (std::size_t i = 0; i < views.size(); ++i) {
        const TraceView& view = views[i];
        const auto first = static_cast<std::int32_t>(samples.size());
        const TraceInfo& info = view.trace->info();
        samples.insert(samples.end(), info.samples.begin(), info.samples.end());
        parts.push_back(view.trace);
        for (std::int64_t n = 0; n < view.rowCount(); ++n) {
            const std::int64_t row = view.traceRow(n);
            rows.push_back(
                {static_cast<std::int32_t>(i), first + info.rows[static_cast<std::size_t>(row)].sample, row});
        }
    }
    TraceView all = views.front();
    all.trace = JoinedTrace::pick(std::move(parts), std::move(rows), std::move(samples));
    all.rows.clear();
    return all;
}

void requireOneBasis(const std::vector<TraceView>& sources, const std::vector<std::string>& names,
                     Alignment alignment) {
    for (std::size_t i = 1; i < sources.size(); ++i) {
        if (sources[i].unitCount() != sources[0].unitCount())
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{} has {} units and {} has {}: they share no basis; align them by "
                                    "procrustes, or draw each in its own",
                                    names[0], sources[0].unitCount(), names[i], sources[i].unitCount()),
                        names[i]);
        const bool samePoints = sources[0].trace->info().points == sources[i].trace->info().points;
        if (alignment == Alignment::Pooled && !samePoints)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{} and {} have other points, and a pooled basis weighs all alike; take "
                                    "the basis of one of them, or align them by procrustes",
                                    names[0], names[i]),
                        names[i]);
    }
}

PcaOptions pcaOptionsOf(const CompareOptions& options) {
    PcaOptions pca;
    pca.components = options.components;
    pca.perPointExplained = false;
    pca.threads = options.threads;
    pca.memoryBytes = options.memoryBytes;
    return pca;
}

/// The basis of One and Pooled.
PcaBasis sharedBasis(const std::vector<TraceView>& sources, const CompareOptions& options,
                     Alignment alignment, Progress& progress) {
    if (alignment == Alignment::Pooled) return pca(joined(sources), pcaOptionsOf(options), progress).basis;
    return options.basis ? *options.basis : pca(sources[0], pcaOptionsOf(options), progress).basis;
}

/// Paths of all sources in their coordinates, but for Procrustes, which comes after.
void setScores(const std::vector<TraceView>& sources, const CompareOptions& options, Progress& progress,
               Comparison& result) {
    const bool own = result.alignment == Alignment::Own || result.alignment == Alignment::Procrustes;
    const auto count = static_cast<double>(sources.size());
    if (own) {
        for (std::size_t i = 0; i < sources.size(); ++i) {
            Progress one = progress.part(static_cast<double>(i) / count, static_cast<double>(i + 1) / count);
            PcaResult found = pca(sources[i], pcaOptionsOf(options), one);
            result.scores.push_back(std::move(found.scores));
            result.explained.push_back(found.basis.explained);
        }
        return;
    }
    Progress fitting = progress.part(0, 0.6), projecting = progress.part(0.6, 1);
    const PcaBasis basis = sharedBasis(sources, options, result.alignment, fitting);
    result.axisNames = basis.names;
    for (const TraceView& source : sources) {
        result.scores.push_back(project(basis, source, projecting));
        // Of what a given basis was fitted on, which is none of the sources.
        result.explained.push_back(options.basis ? VectorD() : basis.explained);
    }
}

/// Rows of the view that hold values that are not finite take no part, in either.
std::vector<std::int64_t> usableFlags(const RowSource& source, std::int64_t count) {
    std::vector<std::int64_t> place(static_cast<std::size_t>(count), -1);
    const auto& rows = source.askedRows();
    for (std::size_t i = 0; i < rows.size(); ++i)
        place[static_cast<std::size_t>(rows[i])] = static_cast<std::int64_t>(i);
    return place;
}

/// `matched` by rows of the views, as places among the usable rows of both sources.
MatchedRows amongUsable(const MatchedRows& matched, const RowSource& a, const RowSource& b) {
    const auto ofA = usableFlags(a, a.askedCount()), ofB = usableFlags(b, b.askedCount());
    std::vector<std::int64_t> keep;
    for (std::int64_t i = 0; i < matched.count(); ++i)
        if (ofA[static_cast<std::size_t>(matched.a[static_cast<std::size_t>(i)])] >= 0 &&
            ofB[static_cast<std::size_t>(matched.b[static_cast<std::size_t>(i)])] >= 0)
            keep.push_back(i);
    MatchedRows usable = pickPairs(matched, keep);
    for (auto& n : usable.a) n = ofA[static_cast<std::size_t>(n)];
    for (auto& n : usable.b) n = ofB[static_cast<std::size_t>(n)];
    if (usable.count() == 0) usable.by = MatchedBy::Nothing;
    return usable;
}

std::string matchRemark(const MatchedRows& matched, const std::string& first, const std::string& other) {
    if (matched.by == MatchedBy::Nothing)
        return fmt::format(
            "{} and {} share no prompts: rows are not paired, so there is no CKA and no Procrustes fit, and "
            "intervals come from independent halves of each.",
            first, other);
    return fmt::format("{} rows of {} samples of {} and {} are paired by {}.", matched.count(),
                       matched.samples, first, other, matchedByName(matched.by));
}

}  // namespace

std::string_view alignmentName(Alignment alignment) {
    for (const auto& [value, name] : alignmentNames)
        if (value == alignment) return name;
    return {};
}

std::optional<Alignment> parseAlignment(std::string_view name) {
    for (const auto& [value, known] : alignmentNames)
        if (known == name) return value;
    return std::nullopt;
}

Alignment usualAlignment(const TraceInfo& first, const TraceInfo& other, bool matched) {
    const bool known = first.model && other.model && !first.model->weightsSha256.empty();
    if (known && first.units == other.units && first.model->weightsSha256 == other.model->weightsSha256 &&
        first.model->untrainedSeed == other.model->untrainedSeed)
        return Alignment::One;
    return matched ? Alignment::Procrustes : Alignment::Own;
}

Comparison compareSources(const std::vector<TraceView>& sources, const std::vector<std::string>& names,
                          const CompareOptions& options, Progress& progress) {
    if (sources.size() < 2 || names.size() != sources.size())
        throw Error(ErrorCode::InvalidArgument, "a comparison needs at least two sources, each with a name");
    Comparison result;
    std::vector<std::int64_t> firstRows;
    const RowsOfTrace first = rowsOf(sources[0], firstRows);
    for (std::size_t i = 1; i < sources.size(); ++i) {
        PairComparison& pair = result.pairs.emplace_back();
        std::vector<std::int64_t> otherRows;
        pair.other = static_cast<std::int64_t>(i);
        pair.matched = matchRows(first, rowsOf(sources[i], otherRows));
        result.remarks.push_back(matchRemark(pair.matched, names[0], names[i]));
    }
    const bool allMatched = std::all_of(result.pairs.begin(), result.pairs.end(), [](const auto& pair) {
        return pair.matched.by != MatchedBy::Nothing;
    });
    result.alignment = options.alignment.value_or(Alignment::One);
    if (!options.alignment && !options.basis)
        for (std::size_t i = 1; i < sources.size(); ++i) {
            const Alignment usual =
                usualAlignment(sources[0].trace->info(), sources[i].trace->info(), allMatched);
            if (usual != Alignment::One) result.alignment = usual;
        }
    if (result.alignment == Alignment::Procrustes && !allMatched)
        throw Error(ErrorCode::InvalidArgument,
                    "Procrustes aligns the same rows of both sources, and they share no prompts; draw each "
                    "in its own basis, or all in one");
    if (result.alignment == Alignment::One || result.alignment == Alignment::Pooled)
        requireOneBasis(sources, names, result.alignment);

    const auto count = static_cast<double>(result.pairs.size());
    Progress scoring = progress.part(0, 0.15), pairing = progress.part(0.15, 1);
    progress.setStage("principal components");
    setScores(sources, options, scoring, result);
    Progress holding = progress;
    const std::size_t held = options.memoryBytes / 4;
    Progress quiet(progress.stopToken());
    const RowSource sourceA(sources[0], held, quiet);
    const std::vector<Array3F> own = result.scores;
    for (std::size_t i = 1; i < sources.size(); ++i) {
        PairComparison& pair = result.pairs[i - 1];
        Progress whole = pairing.part(static_cast<double>(i - 1) / count, static_cast<double>(i) / count);
        Progress cka = whole.part(0, 0.3), fitting = whole.part(0.3, 0.4), subtracting = whole.part(0.4, 1);
        const RowSource sourceB(sources[i], held, quiet);
        const MatchedRows usable = amongUsable(pair.matched, sourceA, sourceB);
        const DepthMatch depth(pointsOf(sources[0]), pointsOf(sources[i]));
        if (!depth.samePoints())
            result.remarks.push_back(fmt::format(
                "{} has {} points and {} has {}: curves are compared by relative depth, points of "
                "the same kind with each other.",
                names[0], sources[0].pointCount(), names[i], sources[i].pointCount()));
        if (usable.count() >= 4 && usable.samples >= 2) {
            pair.cka = ckaByDepth(
                sourceA.view(), sourceB.view(), usable,
                {options.repeats, options.seed, options.mostRows, options.threads, options.memoryBytes / 2},
                cka);
            pair.procrustes =
                alignScores(own[0], own[i], pair.matched, depth, {options.repeats, options.seed}, fitting);
            if (result.alignment == Alignment::Procrustes)
                result.scores[i] = mapped(pair.procrustes->map, own[i]);
        }
        pair.differences = differenceCurves(
            sourceA, sourceB, usable,
            {options.statistics, options.resamples, options.seed, options.threads, options.memoryBytes / 4},
            subtracting);
        for (const auto& sentence : pair.differences.left) result.remarks.push_back(sentence);
    }
    return result;
}

}  // namespace rheo
