#include "core/dynamics/flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/dynamics/intervene.h"
#include "core/dynamics/push_runs.h"
#include "core/dynamics/teleport.h"
#include "core/statistics/axes.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void requireThat(bool holds, const std::string& otherwise) {
    if (!holds) throw Error(ErrorCode::InvalidArgument, otherwise);
}

void checkRequest(const Model& model, const PromptContext& context, const PcaBasis& basis,
                  const FlowRequest& request) {
    const auto axes = static_cast<int>(basis.components.rows());
    for (const int axis : request.axes)
        requireThat(axis >= 0 && axis < axes,
                    fmt::format("axis {} is asked for, and the basis has {}", axis + 1, axes));
    requireThat(request.axes[0] != request.axes[1], "a flow needs two different axes");
    for (const int cells : {request.columns, request.rows})
        requireThat(cells >= 2 && cells <= 201,
                    fmt::format("a grid has 2 to 201 cells a side, not {}", cells));
    for (const double extent : request.extent)
        requireThat(extent >= 0 && std::isfinite(extent), "the extent of a grid is above 0");
    requireThat(request.controls >= 0 && request.controls <= 1024,
                fmt::format("{} controls are asked for; from 0 to 1024 can be run", request.controls));
    requireThat(request.point.value() >= 0 &&
                    request.point.value() < static_cast<std::int64_t>(model.points().size()),
                fmt::format("there is no residual point {}", request.point.value()));
    requireThat(request.token >= -1 && request.token < static_cast<int>(context.ids().size()),
                fmt::format("there is no token {}: the prompt has {}", request.token, context.ids().size()));
}

VectorD rmsOf(const MatrixD& states) {
    return (states.rowwise().squaredNorm() / static_cast<double>(states.cols())).cwiseSqrt();
}

/// Distances at every point, raw and of states over their RMS.
void measureRun(const PushRun& run, Eigen::Index row, MatrixD& raw, MatrixD& rms) {
    raw.row(row) = (run.moved - run.natural).rowwise().norm().transpose();
    const MatrixD scaled = rmsOf(run.moved).cwiseInverse().asDiagonal() * run.moved,
                  natural = rmsOf(run.natural).cwiseInverse().asDiagonal() * run.natural;
    rms.row(row) = (scaled - natural).rowwise().norm().transpose();
}

/// [Q - 1] mean over rows with a push of ln(distance[q + 1] / distance[q]).
VectorD meanContraction(const MatrixD& distance) {
    VectorD mean(std::max<Eigen::Index>(0, distance.cols() - 1));
    for (Eigen::Index q = 0; q < mean.size(); ++q) {
        double sum = 0, count = 0;
        for (Eigen::Index i = 0; i < distance.rows(); ++i) {
            if (!(distance(i, q) > 0) || !(distance(i, q + 1) > 0)) continue;
            sum += std::log(distance(i, q + 1) / distance(i, q));
            ++count;
        }
        mean[q] = count > 0 ? sum / count : nan;
    }
    return mean;
}

/// `count` numbers from `middle` - `extent` to `middle` + `extent`; the middle one exact where count is odd.
VectorD gridLine(double middle, double extent, int count) {
    VectorD line(count);
    for (int i = 0; i < count; ++i) line[i] = middle + extent * (2.0 * i / (count - 1) - 1);
    return line;
}

/// [cell, unit] what is added to the natural state; exactly 0 for a cell at its own coordinates.
MatrixD cellPushes(const Flow& flow, const PcaBasis& basis) {
    MatrixD pushes(flow.x.size() * flow.y.size(), basis.components.cols());
    for (Eigen::Index i = 0; i < pushes.rows(); ++i) {
        const double dx = flow.x[i % flow.x.size()] - flow.natural(0, 0),
                     dy = flow.y[i / flow.x.size()] - flow.natural(0, 1);
        pushes.row(i) =
            dx * basis.components.row(flow.request.axes[0]) + dy * basis.components.row(flow.request.axes[1]);
    }
    return pushes;
}

/// The contraction of random directions, for each cell of the norm of its push.
void runControls(const PushRuns& runs, const MatrixD& pushes, Flow& flow, Progress& progress) {
    const FlowRequest& request = flow.request;
    const Eigen::Index cells = pushes.rows(), points = flow.points();
    flow.controlContraction.resize(request.controls, points - 1);
    flow.controlContractionRms.resize(request.controls, points - 1);
    for (int k = 0; k < request.controls; ++k) {
        MatrixD random = randomDirections(static_cast<int>(cells), pushes.cols(), 1, request.seed,
                                          static_cast<std::uint64_t>(k) + 1);
        for (Eigen::Index i = 0; i < cells; ++i) random.row(i) *= pushes.row(i).norm();
        MatrixD raw(cells, points), rms(cells, points);
        Progress one = progress.part(static_cast<double>(k) / request.controls,
                                     static_cast<double>(k + 1) / request.controls);
        runs.run(random, one, [&](const PushRun& run) { measureRun(run, run.push, raw, rms); });
        flow.controlContraction.row(k) = meanContraction(raw).transpose();
        flow.controlContractionRms.row(k) = meanContraction(rms).transpose();
    }
}

}  // namespace

double flowExtent(const Model& model, const PromptContext& context, const PcaBasis& basis, PointIndex point,
                  int axis) {
    if (axis < basis.variance.size() && basis.variance[axis] > 0) return 2 * std::sqrt(basis.variance[axis]);
    return rmsNormAt(model, context, point);
}

Flow flow(const Model& model, const PromptContext& context, const PcaBasis& basis, const FlowRequest& asked,
          Progress& progress, const std::function<void(double)>& forecast) {
    checkRequest(model, context, basis, asked);
    Flow flow;
    flow.request = asked;
    FlowRequest& request = flow.request;
    if (request.token < 0) request.token = static_cast<int>(context.ids().size()) - 1;
    const auto cells = static_cast<Eigen::Index>(request.columns) * request.rows;

    Progress preparing = progress.part(0, 0.05);
    preparing.setStage("natural path");
    const PushRuns runs(model, context, request.point, request.token, cells, preparing);
    scoresOf(basis, runs.state(), 1);  // throws for a basis that is of no use
    MatrixD reading(2, basis.components.cols());
    for (int i = 0; i < 2; ++i) {
        const auto side = static_cast<std::size_t>(i);
        reading.row(i) = scoreRows(basis).row(request.axes[side]);
        flow.axisNames[side] = axisName(basis, request.axes[side]);
        if (request.extent[side] == 0)
            request.extent[side] = flowExtent(model, context, basis, request.point, request.axes[side]);
    }
    const auto scores = [&](const MatrixD& path) -> MatrixD {
        return (path.rowwise() - basis.mean.transpose()) * reading.transpose();
    };
    flow.natural = scores(runs.naturalPath());
    flow.x = gridLine(flow.natural(0, 0), request.extent[0], request.columns);
    flow.y = gridLine(flow.natural(0, 1), request.extent[1], request.rows);

    const Eigen::Index points = flow.natural.rows();
    flow.scores = Array3<double>(cells, points, 2);
    flow.distance.resize(cells, points);
    flow.distanceRms.resize(cells, points);
    flow.likeliest.resize(static_cast<std::size_t>(cells));
    flow.probability.resize(cells);
    flow.kl.resize(cells);
    const MatrixD pushes = cellPushes(flow, basis);
    Progress running = progress.part(0.05, 1.0 / (1 + request.controls)),
             controls = progress.part(1.0 / (1 + request.controls), 1);
    running.setStage("teleports");
    runs.run(
        pushes, running,
        [&](const PushRun& run) {
            measureRun(run, run.push, flow.distance, flow.distanceRms);
            Eigen::Map<MatrixD>(flow.scores.at(run.push, 0), points, 2) = scores(run.moved);
            const TokenProbability top = topTokens(run.logits, 1).front(),
                                   natural = topTokens(run.naturalLogits, 1).front();
            flow.likeliest[static_cast<std::size_t>(run.push)] = top.id;
            flow.probability[run.push] = top.probability;
            flow.kl[run.push] = klOfLogits(run.naturalLogits, run.logits);
            flow.naturalToken = natural.id;
            flow.naturalProbability = natural.probability;
        },
        [&](double perPush) {
            if (forecast) forecast(perPush * static_cast<double>(cells) * (1 + request.controls));
        });
    flow.contraction = meanContraction(flow.distance);
    flow.contractionRms = meanContraction(flow.distanceRms);
    controls.setStage("random directions of the same norm");
    runControls(runs, pushes, flow, controls);
    progress.report(1, 1);
    return flow;
}

std::vector<Flow> flowsAt(const Model& model, const PromptContext& context, const PcaBasis& basis,
                          const FlowRequest& request, const std::vector<PointIndex>& points,
                          Progress& progress, const std::function<void(double)>& forecast) {
    requireThat(!points.empty(), "a flow needs a point");
    // A flow takes the longer the more steps follow its point.
    const auto last = static_cast<std::int64_t>(model.points().size()) - 1;
    const auto stepsFrom = [&](PointIndex point) { return static_cast<double>(last - point.value()) + 1; };
    double all = 0, done = 0;
    for (const PointIndex point : points) all += stepsFrom(point);
    std::vector<Flow> flows;
    for (const PointIndex point : points) {
        FlowRequest one = request;
        one.point = point;
        Progress part = progress.part(done / all, (done + stepsFrom(point)) / all);
        const auto told = [&](double seconds) {
            if (forecast && flows.empty()) forecast(seconds * all / stepsFrom(point));
        };
        flows.push_back(flow(model, context, basis, one, part, told));
        done += stepsFrom(point);
    }
    return flows;
}

namespace {

/// The derivative of values along a grid line, at place i.
double slopeAt(const VectorD& at, Eigen::Index i, const std::function<double(Eigen::Index)>& value) {
    const Eigen::Index low = std::max<Eigen::Index>(0, i - 1), high = std::min(at.size() - 1, i + 1);
    return (value(high) - value(low)) / (at[high] - at[low]);
}

}  // namespace

FlowField flowField(const Flow& flow, Eigen::Index steps, bool relative) {
    requireThat(
        steps >= 0 && steps < flow.points(),
        fmt::format("the flow after {} steps is asked for, and there are 0 to {}", steps, flow.points() - 1));
    const Eigen::Index columns = flow.x.size(), rows = flow.y.size();
    FlowField field{MatrixD(rows, columns), MatrixD(rows, columns), MatrixD(rows, columns)};
    const Eigen::RowVectorXd own = relative
                                       ? Eigen::RowVectorXd(flow.natural.row(steps) - flow.natural.row(0))
                                       : Eigen::RowVectorXd::Zero(2);
    for (Eigen::Index i = 0; i < rows; ++i)
        for (Eigen::Index j = 0; j < columns; ++j) {
            const Eigen::Index cell = i * columns + j;
            const double *before = flow.scores.at(cell, 0), *after = flow.scores.at(cell, steps);
            field.across(i, j) = after[0] - before[0] - own[0];
            field.up(i, j) = after[1] - before[1] - own[1];
        }
    for (Eigen::Index i = 0; i < rows; ++i)
        for (Eigen::Index j = 0; j < columns; ++j)
            field.divergence(i, j) =
                slopeAt(flow.x, j, [&](Eigen::Index at) { return field.across(i, at); }) +
                slopeAt(flow.y, i, [&](Eigen::Index at) { return field.up(at, j); });
    return field;
}

}  // namespace rheo
