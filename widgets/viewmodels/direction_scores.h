#pragma once

#include <QObject>
#include <optional>

#include "core/base/array.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// Scores of the rows that are open along a direction from elsewhere, at every point, about the mean of the
/// basis: computed when they are asked for, and kept for the last direction.
class DirectionScores : public QObject {
    Q_OBJECT
public:
    explicit DirectionScores(Workspace& workspace, QObject* parent = nullptr);

    /// [row, point] of the document along `direction`; empty: not known (yet).
    const MatrixF& values(const VectorF& direction) const;
    /// Starts the computation, unless it is known or running, or there are no rows in a basis.
    void ask(const VectorF& direction);
    bool isRunning() const { return m_job.has_value(); }

Q_SIGNALS:
    void changed();

private:
    /// What scores are of.
    struct Key {
        std::shared_ptr<const Trace> trace;
        std::shared_ptr<const PcaBasis> basis;
        VectorF direction;
        bool operator==(const Key& other) const {
            return trace == other.trace && basis == other.basis &&
                   direction.size() == other.direction.size() && direction == other.direction;
        }
    };
    Key keyOf(const VectorF& direction) const;

    Workspace& m_workspace;
    Key m_key;    ///< of the values
    Key m_asked;  ///< of the newest job, also one that failed
    MatrixF m_values;
    std::optional<JobId> m_job;
};

}  // namespace rheo
