#pragma once

#include <QObject>
#include <QString>
#include <QTimer>
#include <memory>
#include <vector>

#include "widgets/jobs/latest_wins.h"
#include "widgets/viewmodels/near_rows.h"
#include "widgets/viewmodels/teleport_model.h"

namespace rheo {

/// A token that the lens reads from a state.
struct LensToken {
    QString text;            ///< spaces visible; its id without a tokenizer
    double probability = 0;  ///< 0 to 1
};

/// What the held state is near to and would predict: the rows nearest to it at its point, and the likeliest
/// tokens by the logit lens (final norm and unembedding of the state as it is). Follows the handle, the
/// newest state first; empty while there is nothing to take hold of.
class HeldFacts : public QObject {
    Q_OBJECT
public:
    HeldFacts(Workspace& workspace, TeleportModel& teleport, QObject* parent = nullptr);

    /// Nearest first; its own row is not among them.
    const std::vector<NearRow>& nearest() const { return m_nearest; }
    /// The state of one of the nearest rows at the point of the handle, [unit]; empty for another row.
    VectorF stateOf(RowIndex row) const;
    /// Rows that were searched: fewer than there are where their states take more than 256 MiB.
    std::int64_t searchedRows() const { return m_searched; }
    /// Likeliest first.
    const std::vector<LensToken>& lens() const { return m_lens; }

    /// Puts the handle on the nearest row, as one step; where none is known the drag ends.
    void snapToNearest();

    static constexpr std::size_t shownRows = 3;
    static constexpr int shownTokens = 3;

Q_SIGNALS:
    void nearestChanged();
    void lensChanged();

private:
    struct NearRequest {
        std::shared_ptr<const Trace> trace;
        PointIndex point{0};
        std::optional<RowIndex> own;
        VectorF state;
        std::shared_ptr<const RowStates> known;  ///< of the point that was searched last
    };
    struct NearAnswer {
        std::shared_ptr<const RowStates> among;
        std::vector<NearRow> rows;
    };
    struct LensRequest {
        std::shared_ptr<const LoadedModel> loaded;
        VectorF state;
    };

    static NearAnswer search(const NearRequest& request, Progress& progress);
    static std::vector<LensToken> read(const LensRequest& request, Progress& progress);
    void refresh();
    void clear();

    Workspace& m_workspace;
    TeleportModel& m_teleport;
    LatestWins<NearRequest, NearAnswer> m_search;
    LatestWins<LensRequest, std::vector<LensToken>> m_read;
    QTimer m_soon;  ///< refresh() follows: during a drag the path comes first
    std::shared_ptr<const RowStates> m_among;
    std::vector<NearRow> m_nearest;
    std::int64_t m_searched = 0;
    std::vector<LensToken> m_lens;
};

}  // namespace rheo
