#pragma once

#include <QObject>
#include <optional>
#include <vector>

#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// How surprised the model is at the token after each row (core/session/surprise.h), computed when it is
/// asked for, and kept for the rows that are open.
class RowSurprise : public QObject {
    Q_OBJECT
public:
    explicit RowSurprise(Workspace& workspace, QObject* parent = nullptr);

    /// [row] of the document; empty: not known (yet).
    const std::vector<double>& values() const;
    /// Starts the computation, unless it is known or running, or cannot be done.
    void ask();
    /// Why it cannot be known, as a sentence; empty: it can.
    QString whyNot() const;
    bool isRunning() const { return m_job.has_value(); }

Q_SIGNALS:
    void changed();

private:
    Workspace& m_workspace;
    std::shared_ptr<const Trace> m_trace;  ///< whose rows the values are of
    std::vector<double> m_values;
    std::optional<JobId> m_job;
};

}  // namespace rheo
