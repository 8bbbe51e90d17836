#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/array.h"
#include "core/dynamics/teleport.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// How likely a token is next, before and after.
struct NextToken {
    std::int32_t id = 0;
    QString text;           ///< what it adds, leading space included; its id where there is no tokenizer
    double natural = 0;     ///< 0 to 1
    double teleported = 0;  ///< NaN where nothing was moved
};

/// A drag of the handle as it was, to be shown again.
struct Drag {
    struct Step {
        double seconds = 0;  ///< since it was taken
        MatrixD teleported;  ///< [Q, component] the path of that moment
    };
    PointIndex point;         ///< where it was taken
    MatrixD natural;          ///< [Q, component]
    std::vector<Step> steps;  ///< the first is the path from before
    /// Of a longer drag every second step is left out, again and again (odd: the last stays).
    static constexpr std::size_t mostSteps = 601;
};

/// Taking hold of a state: the selected row's at the selected point. The handle moves at once; the path
/// follows as the model answers, newest first; on release it is exact and becomes one undoable command.
///
/// Scores are those of the document's basis, k = components() of them. Paths run over q = point() .. the
/// final point of the model, Q of them.
class TeleportModel : public QObject {
    Q_OBJECT
public:
    enum class State {
        Idle,       ///< nothing to take hold of; status() says why
        Preparing,  ///< the model runs the prompt
        Ready,      ///< the handle can be taken
        Dragging,   ///< it follows the mouse, the keys or the boxes
        Settling,   ///< released: the exact path, then the controls, are being computed
    };
    Q_ENUM(State)

    TeleportModel(Workspace& workspace, Selection& selection, QObject* parent = nullptr);
    ~TeleportModel() override;

    State state() const { return m_state; }
    QString status() const;  ///< one line for a person
    /// Off: nothing is prepared when the selection moves. On by default.
    bool isActive() const { return m_active; }
    void setActive(bool active);

    TeleportMode mode() const { return m_mode; }
    /// Shift or Project. What is moved is moved in the new way, to the same place.
    void setMode(TeleportMode mode);
    int controls() const { return m_controls; }
    void setControls(int count);  ///< random directions of each kind, 0 to 4096
    void setSeed(quint64 seed);

    // ---- what there is to take hold of: valid from Ready on -----------------------------------------
    int components() const;                       ///< k: 3, or fewer if the basis has fewer
    std::optional<RowIndex> row() const;          ///< it belongs to
    PointIndex point() const { return m_point; }  ///< of the trace's points
    PointIndex modelPoint() const { return m_modelPoint; }
    int token() const { return m_token; }
    int tokenCount() const;
    QString tokenText() const;  ///< of the token that is held, spaces visible; its id without a tokenizer
    /// [unit] the state as the model makes it; empty: there is nothing to take hold of.
    const VectorF& naturalState() const;
    const VectorD& naturalScores() const { return m_naturalScores; }  ///< [k] where the handle starts
    const MatrixD& naturalPath() const { return m_naturalPath; }      ///< [Q, k] the ghost
    /// [Q, component] the same in all components of the basis; its first k are naturalPath().
    const MatrixD& naturalComponents() const { return m_naturalComponents; }

    // ---- the handle ---------------------------------------------------------------------------------
    /// Takes hold of it. False if there is nothing to take hold of.
    bool beginDrag();
    void moveTo(const VectorD& target);  ///< [k]; takes hold of it if nobody did
    /// Lets go: exact, one command. Without a move nothing happens.
    void endDrag();
    /// Esc: back to where it was before it was taken.
    void cancelDrag();
    /// Puts another state of the same point in the handle's place, as one that is dragged there; `name` says
    /// whose. From then on setMix() moves along the line between the natural state and that one, until the
    /// handle is moved otherwise. Nothing for a state of another width.
    void snapTo(const VectorF& state, const QString& name);
    /// Whether it was snapped to a state, and to which.
    bool isSnapped() const;
    QString snappedTo() const;
    /// 0: the natural state, 1: the snapped one. Takes hold of it; endDrag() lets go.
    void setMix(double share);
    double mix() const { return m_mix; }
    /// Typed coordinates: taken, moved and let go in one.
    void setCoordinates(const VectorD& target);
    /// Arrow keys: `steps` tenths of the data's spread along component `c`; let go when no key came for a
    /// while, or by endDrag().
    void nudge(int c, double steps);
    /// Back to the natural path, as a drag would do it (nothing is added to the document).
    void showNatural();
    /// A teleport of the document: shown, its row and point selected.
    void showTeleport(std::int64_t id);

    /// The newest drag of the state that is held, taken back or not; null: there was none yet.
    std::shared_ptr<const Drag> lastDrag() const;

    // ---- what came of it ----------------------------------------------------------------------------
    const VectorD& target() const { return m_target; }  ///< [k] where the handle is
    bool isMoved() const;                               ///< target differs from naturalScores
    /// [Q, k] of the newest answer; empty: nothing moved, or none came yet.
    const MatrixD& teleportedPath() const { return m_teleportedPath; }
    /// [Q, component] the same in all components of the basis.
    const MatrixD& teleportedComponents() const { return m_teleportedComponents; }
    /// [k] the target that teleportedPath() belongs to; may lag behind target() during a drag.
    const VectorD& pathTarget() const { return m_pathTarget; }
    /// [unit] the state that the newest answer put in, or the natural one; empty: there is nothing to take
    /// hold of. Lags behind target() as pathTarget() does.
    const VectorF& heldState() const;
    /// [Q, k] the natural path moved as a whole: what would be if the network did nothing about it.
    MatrixD predictedPath() const;

    const VectorD& spread() const {
        return m_spread;
    }  ///< [k] SD over the rows at this point; NaN below 3 rows
    /// Length of target - natural in units of the spread, each component by its own; NaN where unknown.
    double displacement() const;
    /// How far the target lies from the mean of the rows at this point, largest component, in SDs.
    double outlyingness() const;
    static constexpr double farOutsideSds = 4;
    bool isFarOutside() const;  ///< moved, and outlyingness() above farOutsideSds

    /// Most likely next tokens of either path, at most `count`, the likeliest of the two first: those that
    /// follow the end of the prompt, or the token that is held.
    std::vector<NextToken> nextTokens(int count = 10) const;
    /// Whether nextTokens() are those after the token that is held.
    bool followsToken() const { return m_followsToken; }
    void setFollowsToken(bool on);
    bool isLastToken() const { return m_token == tokenCount() - 1; }
    /// No block follows the point of the handle: the state goes straight to the unembedding.
    bool isAtLastPoint() const;
    /// Measures of teleportedPath(); null where it is empty.
    const TeleportMeasures* measures() const;
    /// The released teleport, with controls once they were computed (matrices empty until then); null
    /// while dragging and on the natural path.
    std::shared_ptr<const TeleportResult> result() const;
    /// Id of the document's teleport that is shown; 0: none.
    std::int64_t shownId() const { return m_shown; }

Q_SIGNALS:
    void stateChanged(rheo::TeleportModel::State state);
    void statusChanged();
    /// Another state can be taken hold of: handle, natural path and spread are new.
    void naturalChanged();
    /// With the path that it has now, or a few milliseconds later without one.
    void handleMoved();
    /// teleportedPath(), nextTokens() and measures() are new.
    void pathChanged();
    /// result() is another, or has its controls now.
    void resultChanged();
    void modeChanged();

private:
    struct Held;
    struct Live;
    struct Private;

    void enter(State state);
    void refresh();
    void prepared(Held held);
    void announceMove();
    void moveFreely();
    void liveAnswered(Live live);
    void measureSpread();
    void forget();
    void showLatest(std::int64_t wanted);
    void showRecord(const TeleportRecord& record);
    void computeNextOfToken();
    void clearPath();
    void recordStep();
    void post();
    void settle();
    void commit();
    void startControls();
    void stopControls();
    QString reasonIdle() const;

    Workspace& m_workspace;
    Selection& m_selection;
    State m_state = State::Idle;
    bool m_active = true;
    TeleportMode m_mode = TeleportMode::Shift;
    double m_mix = 1;
    int m_controls = 32;
    quint64 m_seed = 0;
    PointIndex m_point{0}, m_modelPoint{0};
    int m_token = -1;
    bool m_followsToken = false;
    VectorD m_naturalScores, m_target, m_pathTarget, m_spread, m_mean;
    MatrixD m_naturalPath, m_teleportedPath;
    MatrixD m_naturalComponents, m_teleportedComponents;
    std::int64_t m_shown = 0;
    std::unique_ptr<Private> m_private;
};

}  // namespace rheo
