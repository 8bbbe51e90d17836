#include "core/session/direction_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/dynamics/jacobian.h"
#include "core/results/results_file.h"
#include "core/session/analysis_view.h"
#include "core/statistics/axes.h"

namespace rheo {

namespace {

std::optional<ModelIdentity> modelOf(const Trace& trace) {
    return trace.info().model;
}

void addRows(const Trace& trace, const std::vector<std::int64_t>& rows, PointIndex point, bool plus,
             GroupedStates& groups) {
    for (const std::int64_t row : rows) {
        const auto at = static_cast<Eigen::Index>(groups.plus.size());
        trace.readPoint(point, RowIndex{row}, 1, groups.states.row(at).data());
        groups.plus.push_back(plus ? 1 : 0);
        groups.samples.push_back(trace.info().rows[static_cast<std::size_t>(row)].sample);
    }
}

VectorD meanOf(const GroupedStates& groups, bool plus) {
    VectorD sum = VectorD::Zero(groups.states.cols());
    double count = 0;
    for (std::size_t i = 0; i < groups.plus.size(); ++i) {
        if ((groups.plus[i] != 0) != plus) continue;
        sum += groups.states.row(static_cast<Eigen::Index>(i)).transpose().cast<double>();
        ++count;
    }
    return sum / count;
}

std::ptrdiff_t countOf(const GroupedStates& groups, bool plus) {
    return std::count(groups.plus.begin(), groups.plus.end(), plus ? 1 : 0);
}

void requireBoth(const GroupedStates& groups) {
    if (countOf(groups, true) == 0 || countOf(groups, false) == 0)
        throw Error(ErrorCode::InvalidArgument, "both groups need a state: one of them has none");
}

}  // namespace

GroupedStates groupsOfPrompts(const Model& model, const std::vector<std::vector<std::int32_t>>& plus,
                              const std::vector<std::vector<std::int32_t>>& minus, PointIndex point,
                              Progress& progress) {
    ForwardRequest request;
    request.ids = plus;
    request.ids.insert(request.ids.end(), minus.begin(), minus.end());
    for (const auto& ids : request.ids)
        request.positions.push_back({static_cast<std::int32_t>(ids.size()) - 1});
    request.firstPoint = point;
    request.lastPoint = point;
    GroupedStates groups;
    if (plus.empty() || minus.empty())
        throw Error(ErrorCode::InvalidArgument, "both groups need a prompt: one of them has none");
    const ForwardResult run = model.forward(request, progress);
    groups.states = Eigen::Map<const MatrixF>(run.states.data.data(), run.states.n0, run.states.n2);
    std::map<std::vector<std::int32_t>, std::int64_t> samples;
    for (std::size_t i = 0; i < request.ids.size(); ++i) {
        groups.plus.push_back(i < plus.size() ? 1 : 0);
        groups.samples.push_back(
            samples.try_emplace(request.ids[i], static_cast<std::int64_t>(samples.size())).first->second);
    }
    return groups;
}

GroupedStates groupsOfRows(const Trace& trace, const std::vector<std::int64_t>& plus,
                           const std::vector<std::int64_t>& minus, PointIndex point) {
    const std::set<std::int64_t> those(plus.begin(), plus.end());
    for (const std::int64_t row : minus)
        if (those.contains(row))
            throw Error(
                ErrorCode::InvalidArgument,
                fmt::format("row {} of the trace is in both groups; choose groups that do not overlap", row));
    GroupedStates groups;
    groups.states.resize(static_cast<Eigen::Index>(plus.size() + minus.size()), trace.units());
    addRows(trace, plus, point, true, groups);
    addRows(trace, minus, point, false, groups);
    return groups;
}

NamedVector differenceOfMeans(const GroupedStates& groups, const std::string& name,
                              const std::string& point) {
    requireBoth(groups);
    const VectorD difference = meanOf(groups, true) - meanOf(groups, false);
    return {name,
            difference.cast<float>(),
            point,
            fmt::format("mean of {} states minus that of {}", countOf(groups, true), countOf(groups, false)),
            {}};
}

NamedVector probeDirection(const GroupedStates& groups, const ProbeOptions& options, const std::string& name,
                           const std::string& point, ProbeResult& result, Progress& progress) {
    requireBoth(groups);
    result = linearProbe(groups, options, progress);
    return {name,
            result.direction.cast<float>(),
            point,
            fmt::format(
                "{} probe between {} and {} states of {} samples: balanced accuracy {:.3f} in {} folds "
                "by sample; shuffled labels {:.3f} to {:.3f} (95 %), p {:.2g}",
                probeKindName(options.kind), countOf(groups, true), countOf(groups, false), result.samples,
                result.accuracy, result.folds, result.shuffledLow, result.shuffledHigh, result.p),
            {}};
}

NamedVector stateDifference(const Trace& trace, RowIndex row, RowIndex minus, PointIndex point,
                            const std::string& name) {
    VectorF states[2];
    for (int i = 0; i < 2; ++i) {
        states[i].resize(trace.units());
        trace.readPoint(point, i == 0 ? row : minus, 1, states[i].data());
    }
    const auto described = [&](RowIndex at) {
        const TraceRow& of = trace.info().rows[static_cast<std::size_t>(at.value())];
        return fmt::format("row {} (sample {}, token {})", at.value(), of.sample, of.position);
    };
    const VectorD difference = states[0].cast<double>() - states[1].cast<double>();
    return {name, difference.cast<float>(),
            pointName(trace.info().points[static_cast<std::size_t>(point.value())]),
            fmt::format("state of {} less that of {}", described(row), described(minus)), modelOf(trace)};
}

std::vector<NamedVector> componentDirections(const std::filesystem::path& file,
                                             const std::vector<std::int32_t>& asked) {
    const Results results = readResults(file);
    const PcaBasis basis = readPcaBasis(file);
    if (basis.scaling != Scaling::Raw)
        throw Error(ErrorCode::Unsupported,
                    fmt::format("the components of {} were fitted to states with {} scaling, but a direction "
                                "needs raw states; fit the PCA with --scaling raw",
                                file.string(), scalingName(basis.scaling)),
                    file.string());
    std::vector<std::int32_t> components = asked;
    if (components.empty()) {
        components.resize(static_cast<std::size_t>(basis.components.rows()));
        std::iota(components.begin(), components.end(), 1);
    }
    std::vector<NamedVector> vectors;
    for (const std::int32_t number : components) {
        if (number < 1 || number > basis.components.rows())
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("component {} was requested, but {} has 1 to {}", number, file.string(),
                                    basis.components.rows()),
                        file.string());
        const Eigen::Index i = number - 1;
        vectors.push_back(
            {basis.names.empty() ? fmt::format("pc{}", number) : basis.names[static_cast<std::size_t>(i)],
             basis.components.row(i).transpose().cast<float>(), "",
             fmt::format("component {} of {}: {:.2f} % of the variance, SD {:.4g}", number, file.string(),
                         100 * basis.explained[i], std::sqrt(basis.variance[i])),
             results.source.info.model});
    }
    return vectors;
}

std::vector<NamedVector> carriedDirections(const Model& model, const std::vector<std::int32_t>& ids,
                                           PointIndex point, int count, bool alone, Progress& progress) {
    progress.setStage("derivatives");
    const auto context = model.prepare(ids, progress);
    const int token = static_cast<int>(ids.size()) - 1;
    const MatrixD derivative = remainingDerivative(model, *context, point, token, alone, progress);
    const SingularVectors leading = leadingSingularVectors(derivative, count, progress);
    const auto steps = static_cast<std::int64_t>(model.points().size()) - 1 - point.value();
    std::vector<NamedVector> vectors;
    for (Eigen::Index i = 0; i < leading.gains.size(); ++i)
        vectors.push_back(
            {fmt::format("sv{}", i + 1), leading.vectors.row(i).transpose().cast<float>(),
             pointName(model.points()[static_cast<std::size_t>(point.value())]),
             fmt::format(
                 "singular vector {} of the derivative of the {} later steps{}: a small push along it is "
                 "{:.4g} times as long at the end",
                 i + 1, steps, alone ? ", of a lone token" : "", leading.gains[i]),
             model.identity()});
    return vectors;
}

void nameTokensOf(PcaBasis& axes, const Model& model, const TokenText& textOf, Progress& progress) {
    if (axes.names.empty()) return;
    constexpr int named = 3;
    const auto words = [&](const std::vector<NearToken>& tokens) {
        std::vector<std::string> texts;
        for (const NearToken& token : tokens)
            texts.push_back(textOf ? fmt::format("'{}'", printable(textOf(token.id)))
                                   : fmt::format("#{}", token.id));
        return fmt::format("{}", fmt::join(texts, ", "));
    };
    axes.toward.clear();
    axes.against.clear();
    for (const NearTokens& near : nearTokens(model, axes.components, named, progress)) {
        axes.toward.push_back(words(near.toward));
        axes.against.push_back(words(near.against));
    }
}

namespace {

/// The rows and points of results in their trace.
TraceView viewOfResults(const ResultsSource& source, const std::shared_ptr<const Trace>& trace,
                        Scaling scaling) {
    if (!source.hash.empty() && trace->sourceHash() != source.hash)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{} is not the trace that these results were made from", source.path),
                    source.path);
    if (scaling == Scaling::FinalNorm)
        throw Error(ErrorCode::Unsupported,
                    "scores along a direction are of raw states or of states over their RMS; these results "
                    "are of states scaled as the final norm does");
    const TraceInfo& info = trace->info();
    std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> places;
    for (std::size_t n = 0; n < info.rows.size(); ++n)
        places.emplace(std::pair{info.rows[n].sample, info.rows[n].position}, static_cast<std::int64_t>(n));
    TraceView view;
    view.trace = trace;
    view.scaling = scaling;
    for (const TraceRow& row : source.info.rows) {
        const auto found = places.find({row.sample, row.position});
        if (found == places.end())
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{} lacks a row of these results: sample {}, token {}", source.path,
                                    row.sample, row.position),
                        source.path);
        view.rows.push_back(found->second);
    }
    for (const ResidualPoint& point : source.info.points)
        view.points.push_back(findPoint(info.points, pointName(point)));
    return view;
}

}  // namespace

MatrixF scoresOfResults(const ResultsSource& source, const std::shared_ptr<const Trace>& trace,
                        const VectorF& direction, const VectorD& mean, Scaling scaling, Progress& progress) {
    return scoresAlong(viewOfResults(source, trace, scaling), direction, mean, progress);
}

PcaResult axesOfResults(const ResultsSource& source, const std::shared_ptr<const Trace>& trace,
                        const std::vector<NamedDirection>& directions, AxesFrame frame,
                        const PcaBasis& fitted, Progress& progress) {
    const TraceView view = viewOfResults(source, trace, fitted.scaling);
    PcaResult result;
    result.basis = completedAxes(axesOf(directions, frame), fitted);
    result.basis.scaling = fitted.scaling;
    measureAxes(result.basis, view, progress);
    result.scores = project(result.basis, view, progress);
    return result;
}

DirectionsListing describeDirections(const std::vector<NamedVector>& vectors,
                                     const std::shared_ptr<const Trace>& trace, const Model* model,
                                     int tokens, Progress& progress) {
    if (vectors.empty()) throw Error(ErrorCode::InvalidArgument, "there is no direction to describe");
    const Eigen::Index units = vectors.front().values.size();
    MatrixD all(static_cast<Eigen::Index>(vectors.size()), units);
    DirectionsListing listing;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        if (vectors[i].values.size() != units)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{} has {} units, and {} has {}: they are not of one model",
                                    vectors[i].name, vectors[i].values.size(), vectors.front().name, units));
        if (model != nullptr) requireVectorOf(vectors[i], model->identity(), vectors[i].name);
        all.row(static_cast<Eigen::Index>(i)) = vectors[i].values.cast<double>().transpose();
        listing.directions.push_back({vectors[i],
                                      vectors[i].values.cast<double>().norm(),
                                      std::numeric_limits<double>::quiet_NaN(),
                                      "",
                                      {}});
    }
    listing.angles = anglesBetween(all);
    if (trace != nullptr) {
        std::map<std::int64_t, VectorD> shares;  // by point, -1: all
        for (std::size_t i = 0; i < vectors.size(); ++i) {
            const auto& points = trace->info().points;
            const auto found = std::find_if(points.begin(), points.end(), [&](const ResidualPoint& point) {
                return pointName(point) == vectors[i].point;
            });
            const std::int64_t at = found == points.end() ? -1 : found - points.begin();
            if (!shares.contains(at)) {
                TraceView view;
                view.trace = trace;
                if (at >= 0) view.points = {at};
                shares[at] = varianceAlong(view, all, progress).share();
            }
            listing.directions[i].share = shares[at][static_cast<Eigen::Index>(i)];
            if (at >= 0) listing.directions[i].shareAt = vectors[i].point;
        }
    }
    if (model != nullptr) {
        const auto near = nearTokens(*model, all, tokens, progress);
        for (std::size_t i = 0; i < near.size(); ++i) listing.directions[i].near = near[i];
    }
    return listing;
}

}  // namespace rheo
