#include "widgets/jobs/time_left.h"

namespace rheo {

namespace {
constexpr double recentSeconds = 5;
}

std::optional<double> TimeLeft::update(double seconds, double fraction) {
    m_recent.emplace_back(seconds, fraction);
    while (m_recent.size() > 2 && seconds - m_recent[1].first >= recentSeconds) m_recent.pop_front();
    if (fraction >= 1) return 0;
    if (seconds < 0.5 || fraction < 0.01) return std::nullopt;
    const double whole = fraction / seconds;
    const double span = seconds - m_recent.front().first;
    const double recent = span > 0.1 ? (fraction - m_recent.front().second) / span : whole;
    return (1 - fraction) / (0.5 * whole + 0.5 * recent);
}

}  // namespace rheo
