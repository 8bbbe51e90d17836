#include "core/base/quantile.h"

#include <limits>

#include "core/base/error.h"

namespace rheo {

double quantile(std::span<const double> ascending, double level) {
    if (!(level >= 0 && level <= 1))
        throw Error(ErrorCode::InvalidArgument, "the level of a quantile lies between 0 and 1");
    if (ascending.empty()) return std::numeric_limits<double>::quiet_NaN();
    const double at = level * static_cast<double>(ascending.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const auto above = std::min(below + 1, ascending.size() - 1);
    return ascending[below] + (at - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

}  // namespace rheo
