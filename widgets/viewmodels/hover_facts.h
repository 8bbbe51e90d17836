#pragma once

#include <QObject>
#include <QString>
#include <optional>
#include <vector>

#include "widgets/jobs/latest_wins.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// What is known of one row beyond its scores, computed when it is asked for: the norm of its state at each
/// point, and the token that the model finds likeliest after it.
class HoverFacts : public QObject {
    Q_OBJECT
public:
    explicit HoverFacts(Workspace& workspace, QObject* parent = nullptr);

    /// The row of the document that is looked at; changed() follows when more is known of it.
    void ask(RowIndex row);
    /// Norm of the row's state; none where it is not known (yet).
    std::optional<double> norm(RowIndex row, PointIndex point) const;
    /// "␣the 12 %", the likeliest token after the row's own; empty where it is not known (yet), or no model
    /// is open, or the trace ends before the model's last point.
    QString next(RowIndex row) const;

Q_SIGNALS:
    void changed();

private:
    struct Request {
        std::shared_ptr<const Trace> trace;
        RowIndex row{0};
    };
    struct States {
        std::vector<double> norms;  ///< [point]
        VectorF last;               ///< [unit]
    };
    struct NextRequest {
        std::shared_ptr<const LoadedModel> loaded;
        Request of;
        VectorF state;
    };
    bool isOf(RowIndex row) const;
    void askNext(const States& states);

    Workspace& m_workspace;
    LatestWins<Request, States> m_read;
    LatestWins<NextRequest, QString> m_unembed;
    Request m_asked;
    std::vector<double> m_norms;
    QString m_next;
};

/// "␣the 12 %": a token and its probability, as it is written beside states.
QString tokenAndProbability(const QString& token, double probability);

}  // namespace rheo
