#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

namespace rheo {

/// One message from a running computation.
struct ProgressReport {
    double fraction = 0;  ///< of the whole job, 0 to 1, never falling
    std::string stage;    ///< what it is doing, for a person ("capturing", "null 12 of 200")
};

/// Handed into every long computation: takes what it reports and carries the wish to stop.
///
/// Cheap to copy; copies share the sink. `check()` and `cancelled()` may be called from any thread,
/// `report()` from one thread at a time. Reports closer than 0.1 % to the last are dropped, unless
/// the stage changed or the job ended.
class Progress {
public:
    using Sink = std::function<void(const ProgressReport&)>;

    /// Reports to nobody and is never cancelled.
    Progress() = default;
    explicit Progress(std::stop_token stop, Sink sink = {});

    /// `done` of `total` (same unit, total > 0) of this part is complete.
    void report(double done, double total);
    /// Names what is being done from here on.
    void setStage(std::string stage);

    /// A sub-task that fills [from, to] (fractions of this one).
    Progress part(double from, double to) const;

    bool cancelled() const { return m_stop.stop_requested(); }
    /// Throws Cancelled once a stop was requested. Call at least every 50 ms of work.
    void check() const;
    const std::stop_token& stopToken() const { return m_stop; }

private:
    struct Shared;
    std::stop_token m_stop;
    std::shared_ptr<Shared> m_shared;
    double m_from = 0;
    double m_to = 1;
};

}  // namespace rheo
