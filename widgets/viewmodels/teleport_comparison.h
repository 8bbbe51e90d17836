#pragma once

#include <QList>
#include <QObject>
#include <QString>
#include <memory>
#include <vector>

#include "core/figure/trajectory_figure.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// Teleports of the document that are looked at together: chosen in the list of those made. They are drawn
/// over each other, in this order, in the looks of comparedLook().
class TeleportComparison : public QObject {
    Q_OBJECT
public:
    explicit TeleportComparison(Workspace& workspace, QObject* parent = nullptr);

    /// In the order they were made; ids the document does not have are passed over.
    void choose(const QList<qint64>& ids);
    /// Two or more are chosen.
    bool isActive() const { return m_chosen.size() > 1; }
    const std::vector<std::shared_ptr<const TeleportRecord>>& chosen() const { return m_chosen; }
    /// Of the one at place `i`: "2: far right".
    QString name(std::size_t i) const;

    /// Their paths in the basis of the document; none where nothing is compared. Left out are those of
    /// another model.
    std::vector<TeleportOverlay> overlays() const;
    /// What `rheo teleport --out` writes of each, with random directions where they were computed.
    std::vector<TeleportFile> files() const;

Q_SIGNALS:
    void changed();

private:
    Workspace& m_workspace;
    std::vector<std::shared_ptr<const TeleportRecord>> m_chosen;
};

}  // namespace rheo
