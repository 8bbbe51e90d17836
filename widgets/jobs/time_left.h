#pragma once

#include <deque>
#include <optional>
#include <utility>

namespace rheo {

/// Guesses how long a job still takes from how far it has come: half from its pace as a whole, half from
/// its pace of the last seconds, so that a slow beginning is forgotten and a hiccup does not frighten.
class TimeLeft {
public:
    /// After `seconds` of running (never falling) `fraction` (0 to 1, never falling) is done. Seconds
    /// left, 0 or more; none before half a second or one part in a hundred.
    std::optional<double> update(double seconds, double fraction);

private:
    std::deque<std::pair<double, double>> m_recent;  ///< (seconds, fraction) of the last recentSeconds
};

}  // namespace rheo
