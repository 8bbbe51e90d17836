#include "widgets/viewmodels/teleport_comparison.h"

#include <algorithm>
#include <utility>

#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/teleport_history.h"

namespace rheo {

namespace {

/// [q, component] of the first token of a path.
MatrixD pathIn(const PcaBasis& basis, const TeleportPath& path) {
    const MatrixF states = Eigen::Map<const MatrixF>(path.states.data.data(), path.states.n1, path.states.n2);
    return project(basis, states);
}

}  // namespace

TeleportComparison::TeleportComparison(Workspace& workspace, QObject* parent)
    : QObject(parent), m_workspace(workspace) {
    connect(&workspace, &Workspace::stateChanged, this, [this] {  // some may be gone, or renamed
        QList<qint64> ids;
        for (const auto& record : m_chosen) ids << record->id;
        choose(ids);
    });
}

void TeleportComparison::choose(const QList<qint64>& ids) {
    std::vector<std::shared_ptr<const TeleportRecord>> chosen;
    for (const auto& record : m_workspace.state()->teleports)
        if (ids.contains(record->id)) chosen.push_back(record);
    if (std::exchange(m_chosen, chosen) != chosen) Q_EMIT changed();
}

QString TeleportComparison::name(std::size_t i) const {
    return QStringLiteral("%1: %2").arg(i + 1).arg(shortNameOf(*m_chosen[i], m_workspace.model().get()));
}

std::vector<TeleportOverlay> TeleportComparison::overlays() const {
    std::vector<TeleportOverlay> overlays;
    const auto basis = m_workspace.state()->basis;
    const auto first = m_workspace.modelPoint(PointIndex{0});
    if (!isActive() || !basis || !first) return overlays;
    for (std::size_t i = 0; i < m_chosen.size(); ++i) {
        const TeleportResult& result = m_chosen[i]->result;
        if (result.natural.states.n2 != basis->components.cols()) continue;
        TeleportOverlay overlay;
        overlay.point = PointIndex{result.request.point.value() - first->value()};
        overlay.natural = pathIn(*basis, result.natural);
        overlay.teleported = pathIn(*basis, result.teleported);
        overlay.extendAxes = false;
        overlay.name = name(i).toStdString();
        overlay.compared = static_cast<int>(i);
        overlays.push_back(std::move(overlay));
    }
    return overlays;
}

std::vector<TeleportFile> TeleportComparison::files() const {
    std::vector<TeleportFile> files;
    if (!m_workspace.model()) return files;
    for (const auto& record : m_chosen) {
        const auto full = m_workspace.fullTeleport(record->id);
        files.push_back(teleportFileOf(*record, *m_workspace.model(), full ? *full : record->result));
    }
    return files;
}

}  // namespace rheo
