#include "core/dynamics/response.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/dynamics/push_runs.h"
#include "core/dynamics/teleport.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double flatShare = 0.1;  ///< of the largest distance: what counts as none

void requireThat(bool holds, const std::string& otherwise) {
    if (!holds) throw Error(ErrorCode::InvalidArgument, otherwise);
}

void checkRequest(const Model& model, const PromptContext& context, const ResponseRequest& request) {
    const auto units = static_cast<Eigen::Index>(model.identity().dModel);
    requireThat((request.direction.size() > 0) != (request.target.size() > 0),
                "pushes are along a direction or to a target: give one of both");
    const VectorF& vector = request.direction.size() > 0 ? request.direction : request.target;
    requireThat(vector.size() == units && vector.allFinite(),
                fmt::format("a direction has {} finite numbers, and {} are given", units, vector.size()));
    requireThat(request.unit > 0 && std::isfinite(request.unit), "the unit of the sizes is above 0");
    requireThat(request.largest > 0 && std::isfinite(request.largest), "the largest size is above 0");
    requireThat(request.steps >= 2 && request.steps <= 1000,
                fmt::format("2 to 1000 sizes can be run, not {}", request.steps));
    requireThat(request.controls >= 0 && request.controls <= 1024,
                fmt::format("{} controls are asked for; from 0 to 1024 can be run", request.controls));
    requireThat(request.point.value() >= 0 &&
                    request.point.value() < static_cast<std::int64_t>(model.points().size()),
                fmt::format("there is no residual point {}", request.point.value()));
    requireThat(request.token >= -1 && request.token < static_cast<int>(context.ids().size()),
                fmt::format("there is no token {}: the prompt has {}", request.token, context.ids().size()));
}

bool isLine(const ResponseRequest& request) {
    return request.target.size() > 0;
}

/// Both signs along a direction, 0 to 1 along a line.
VectorD sizesOf(const ResponseRequest& request) {
    const int steps = request.steps, first = isLine(request) ? 0 : -steps;
    const double largest = isLine(request) ? 1 : request.largest;
    VectorD sizes(steps - first + 1);
    for (int i = first; i <= steps; ++i) sizes[i - first] = largest * i / steps;
    return sizes;
}

/// The final states of the pushed token at each size, and what the next tokens are.
struct Outcome {
    MatrixD moved, natural;  ///< [S, unit] at the final point
    VectorD kl;
    std::vector<std::int32_t> likeliest;
    VectorD probability;
    VectorD distance() const { return (moved - natural).rowwise().norm(); }
    /// From the last size back.
    VectorD distanceToEnd() const { return (moved.rowwise() - moved.row(moved.rows() - 1)).rowwise().norm(); }
};

Outcome runAlong(const PushRuns& runs, const VectorD& push, const VectorD& sizes, Progress& progress,
                 const std::function<void(double)>& forecast) {
    const MatrixD pushes = sizes * push.transpose();
    Outcome outcome;
    outcome.moved.resize(sizes.size(), push.size());
    outcome.natural.resize(sizes.size(), push.size());
    outcome.kl.resize(sizes.size());
    outcome.probability.resize(sizes.size());
    runs.run(
        pushes, progress,
        [&](const PushRun& run) {
            const Eigen::Index last = run.moved.rows() - 1;
            outcome.moved.row(run.push) = run.moved.row(last);
            outcome.natural.row(run.push) = run.natural.row(last);
            outcome.kl[run.push] = klOfLogits(run.naturalLogits, run.logits);
            const TokenProbability top = topTokens(run.logits, 1).front();
            outcome.likeliest.push_back(top.id);
            outcome.probability[run.push] = top.probability;
        },
        forecast);
    return outcome;
}

/// The plateaus of both sides, in order.
std::vector<Plateau> plateausOf(const ResponseRequest& request, const VectorD& sizes,
                                const Outcome& outcome) {
    const Eigen::Index half = request.steps;
    const VectorD distance = outcome.distance();
    if (!isLine(request))
        return {plateauOf(sizes.tail(half + 1), distance.tail(half + 1)),
                plateauOf((-sizes.head(half + 1)).reverse(), distance.head(half + 1).reverse())};
    return {plateauOf(sizes, distance),
            plateauOf((1 - sizes.array()).matrix().reverse(), outcome.distanceToEnd().reverse())};
}

}  // namespace

Plateau plateauOf(const VectorD& sizes, const VectorD& distance) {
    requireThat(sizes.size() >= 2 && sizes.size() == distance.size(),
                "a plateau is of at least two sizes, each with a distance");
    const double range = sizes[sizes.size() - 1] - sizes[0], largest = distance.maxCoeff();
    Plateau plateau{nan, nan, nan, nan};
    if (!(largest > 0)) return plateau;
    double steepest = -std::numeric_limits<double>::infinity();
    for (Eigen::Index i = 0; i + 1 < sizes.size(); ++i) {
        const double step = sizes[i + 1] - sizes[i];
        requireThat(step > 0, "the sizes of a plateau grow");
        const double rise = (distance[i + 1] - distance[i]) / step;
        if (rise > steepest) {
            steepest = rise;
            plateau.steepest = (sizes[i] + sizes[i + 1]) / 2;
        }
        if (std::isnan(plateau.width) && distance[i + 1] >= flatShare * largest)
            plateau.width =
                sizes[i] - sizes[0] +
                step * std::max(0.0, flatShare * largest - distance[i]) / (distance[i + 1] - distance[i]);
    }
    plateau.flatness = plateau.width / (flatShare * range);
    const double mean = (distance[distance.size() - 1] - distance[0]) / range;
    plateau.slope = mean > 0 ? steepest / mean : nan;
    return plateau;
}

double deviationAlong(const Model& model, const PromptContext& context, PointIndex point,
                      const VectorF& direction) {
    const auto tokens = static_cast<int>(context.ids().size());
    requireThat(tokens >= 4,
                fmt::format("the spread of a prompt's states needs 4 tokens, and it has {}; name the "
                            "unit, or a basis that knows it",
                            tokens));
    const VectorD unit = direction.cast<double>().normalized();
    VectorD along(tokens - 1);
    for (int t = 1; t < tokens; ++t)
        along[t - 1] = unit.dot(model.naturalState(context, point, t).cast<double>());
    const double variance = (along.array() - along.mean()).square().sum() / static_cast<double>(tokens - 2);
    requireThat(variance > 0, "the states of the prompt do not vary along the direction; name the unit");
    return std::sqrt(variance);
}

Response response(const Model& model, const PromptContext& context, const ResponseRequest& asked,
                  Progress& progress, const std::function<void(double)>& forecast) {
    checkRequest(model, context, asked);
    Response result;
    result.request = asked;
    ResponseRequest& request = result.request;
    if (request.token < 0) request.token = static_cast<int>(context.ids().size()) - 1;
    result.sizes = sizesOf(request);

    Progress preparing = progress.part(0, 0.05), running = progress.part(0.05, 1);
    preparing.setStage("natural path");
    const PushRuns runs(model, context, request.point, request.token, result.sizes.size(), preparing);
    const VectorD push = isLine(request)
                             ? VectorD(request.target.cast<double>() - runs.state().cast<double>())
                             : VectorD(request.unit * request.direction.cast<double>().normalized());
    result.length = push.norm();
    requireThat(result.length > 0 && std::isfinite(result.length),
                isLine(request) ? "both states are the same: there is no line between them"
                                : "the direction is zero");
    const int all = 1 + request.controls;
    Progress own = running.part(0, 1.0 / all);
    own.setStage("pushes");
    const Outcome outcome = runAlong(runs, push, result.sizes, own, [&](double perPush) {
        if (forecast) forecast(perPush * static_cast<double>(result.sizes.size()) * all);
    });
    result.distance = outcome.distance();
    result.relative =
        (result.sizes.array() == 0)
            .select(nan, result.distance.array() / (result.sizes.array().abs() * result.length));
    result.kl = outcome.kl;
    result.likeliest = outcome.likeliest;
    result.probability = outcome.probability;
    const auto plateaus = plateausOf(request, result.sizes, outcome);
    result.sides = {{isLine(request) ? "start" : "+", plateaus[0], {}},
                    {isLine(request) ? "target" : "-", plateaus[1], {}}};

    const MatrixD random = randomDirections(request.controls, push.size(), result.length, request.seed, 1);
    result.controlDistance.resize(request.controls, result.sizes.size());
    result.controlKl.resize(request.controls, result.sizes.size());
    for (int k = 0; k < request.controls; ++k) {
        Progress one = running.part((1.0 + k) / all, (2.0 + k) / all);
        one.setStage("random directions");
        const Outcome control = runAlong(runs, random.row(k).transpose(), result.sizes, one, {});
        result.controlDistance.row(k) = control.distance().transpose();
        result.controlKl.row(k) = control.kl.transpose();
        const auto ofControl = plateausOf(request, result.sizes, control);
        for (std::size_t side = 0; side < 2; ++side) result.sides[side].controls.push_back(ofControl[side]);
    }
    progress.report(1, 1);
    return result;
}

}  // namespace rheo
