#include "core/session/surprise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace rheo {

namespace {

constexpr std::int64_t batch = 64;  // rows whose logits are held at once

/// The token after a row's own; -1: none.
std::int32_t nextToken(const TraceInfo& info, std::int64_t row) {
    const TraceRow& at = info.rows[static_cast<std::size_t>(row)];
    const auto sample = static_cast<std::size_t>(at.sample);
    if (at.sample < 0 || sample >= info.samples.size()) return -1;
    const auto& ids = info.samples[sample].tokenIds;
    const auto next = static_cast<std::size_t>(at.position) + 1;
    return next < ids.size() ? ids[next] : -1;
}

double surpriseAt(const auto& logits, std::int32_t token) {
    const double most = logits.maxCoeff();
    const double sum = (logits.template cast<double>().array() - most).exp().sum();
    return std::log(sum) + most - static_cast<double>(logits[token]);
}

}  // namespace

std::vector<double> surpriseOfRows(const Model& model, const Trace& trace, Progress& progress) {
    std::vector<double> surprise(static_cast<std::size_t>(trace.rows()),
                                 std::numeric_limits<double>::quiet_NaN());
    const PointIndex last{trace.points() - 1};
    MatrixF states;
    for (std::int64_t first = 0; first < trace.rows(); first += batch) {
        const std::int64_t count = std::min(batch, trace.rows() - first);
        std::vector<std::int64_t> followed;
        for (std::int64_t n = first; n < first + count; ++n)
            if (nextToken(trace.info(), n) >= 0) followed.push_back(n);
        progress.report(static_cast<double>(first), static_cast<double>(trace.rows()));
        if (followed.empty()) continue;
        states.resize(count, trace.units());
        trace.readPoint(last, RowIndex{first}, count, states.data());
        MatrixF wanted(static_cast<Eigen::Index>(followed.size()), trace.units());
        for (std::size_t i = 0; i < followed.size(); ++i)
            wanted.row(static_cast<Eigen::Index>(i)) = states.row(followed[i] - first);
        const MatrixF logits = model.unembed(wanted, progress);
        for (std::size_t i = 0; i < followed.size(); ++i) {
            const std::int32_t token = nextToken(trace.info(), followed[i]);
            if (token < logits.cols())
                surprise[static_cast<std::size_t>(followed[i])] =
                    surpriseAt(logits.row(static_cast<Eigen::Index>(i)), token);
        }
    }
    return surprise;
}

}  // namespace rheo
