#include "core/base/progress.h"

#include <algorithm>

#include "core/base/error.h"

namespace rheo {

struct Progress::Shared {
    Sink sink;
    std::string stage;
    double last = -1;
};

Progress::Progress(std::stop_token stop, Sink sink) : m_stop(std::move(stop)) {
    if (sink) m_shared = std::make_shared<Shared>(Shared{std::move(sink), {}, -1});
}

void Progress::report(double done, double total) {
    if (!m_shared || !(total > 0)) return;
    const double inside = std::clamp(done / total, 0.0, 1.0);
    const double fraction = std::max(m_from + inside * (m_to - m_from), m_shared->last);
    const bool ended = fraction >= 1 && m_shared->last < 1;
    if (fraction - m_shared->last < 1e-3 && !ended) return;
    m_shared->last = fraction;
    m_shared->sink({fraction, m_shared->stage});
}

void Progress::setStage(std::string stage) {
    if (!m_shared || m_shared->stage == stage) return;
    m_shared->stage = std::move(stage);
    m_shared->last = std::max(m_shared->last, m_from);
    m_shared->sink({m_shared->last, m_shared->stage});
}

Progress Progress::part(double from, double to) const {
    Progress sub = *this;
    sub.m_from = m_from + from * (m_to - m_from);
    sub.m_to = m_from + to * (m_to - m_from);
    return sub;
}

void Progress::check() const {
    if (m_stop.stop_requested()) throw Cancelled{};
}

}  // namespace rheo
