#pragma once

#include <memory>
#include <string>

#include "core/analysis/trace_view.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/trace_reader.h"

/// The reference trace and the values that NumPy, SciPy and scikit-learn gave for it.
namespace golden {

inline rheo::TraceView view(rheo::Scaling scaling) {
    rheo::TraceView view;
    view.trace = rheo::TraceReader::open(RHEO_FIXTURES "/golden/small.rheo.h5");
    view.scaling = scaling;
    return view;
}

inline rheo::MatrixD matrix(const std::string& dataset) {
    const auto file = rheo::Hdf5File::openForReading(RHEO_FIXTURES "/golden/small.golden.h5");
    const auto shape = file.info(dataset).shape;
    const auto values = file.read<double>(dataset);
    const Eigen::Index rows = shape.size() > 1 ? shape[0] : 1;
    return Eigen::Map<const rheo::MatrixD>(values.data(), rows,
                                           static_cast<Eigen::Index>(values.size()) / rows);
}

/// Largest difference relative to the largest reference value; NaN must stand where NaN stands (infinite if
/// not).
inline double difference(const rheo::MatrixD& found, const rheo::MatrixD& expected) {
    if (found.size() != expected.size()) return INFINITY;
    double worst = 0, scale = 0;
    for (Eigen::Index i = 0; i < found.size(); ++i) {
        const double a = found.data()[i], b = expected.data()[i];
        if (std::isnan(a) != std::isnan(b)) return INFINITY;
        if (std::isnan(b)) continue;
        scale = std::max(scale, std::abs(b));
        worst = std::max(worst, std::abs(a - b));
    }
    return scale > 0 ? worst / scale : worst;
}

}  // namespace golden
