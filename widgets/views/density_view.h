#pragma once

#include <QWidget>
#include <memory>
#include <vector>

#include "core/figure/density_figure.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/figure_widget.h"

class QComboBox;
class QCheckBox;
class QPushButton;

namespace rheo {

/// Units by depth: choice of measure, order and colours; hovering says unit, point and value; a click selects
/// them.
class DensityView : public QWidget {
    Q_OBJECT
public:
    DensityView(Workspace& workspace, Selection& selection, QWidget* parent = nullptr);

    void setDark(bool dark);
    FigureWidget* figureWidget() const { return m_figure; }
    DensityOptions options() const;

Q_SIGNALS:
    void hovered(const QString& description);

private:
    void rebuild();

    Workspace& m_workspace;
    Selection& m_selection;
    FigureWidget* m_figure;
    QComboBox* m_measure;
    QComboBox* m_map;
    QCheckBox* m_sorted;
    QPushButton* m_compute;
    bool m_dark = false;
    std::vector<std::int64_t> m_unitOfRow;
};

}  // namespace rheo
