#pragma once

#include <QComboBox>
#include <vector>

#include "core/figure/trajectory_figure.h"
#include "core/statistics/axes.h"
#include "core/trace/trace.h"

namespace rheo {

/// What the paths of rows are coloured by: depth, kinds and numbers of rows, then columns of the prompts, the
/// components or axes of the basis, and directions from elsewhere.
class RowColorList : public QComboBox {
    Q_OBJECT
public:
    explicit RowColorList(QWidget* parent = nullptr);

    /// What there is to choose beside the usual. What was chosen stays where it is still there. `info` and
    /// `basis` may be null.
    void offer(const TraceInfo* info, const PcaBasis* basis, std::vector<NamedDirection> directions);
    RowColor by() const;
    /// The direction that is chosen; null: none is.
    const NamedDirection* direction() const;
    /// Sets what colours the rows.
    void applyTo(TrajectoryOptions& options) const;

private:
    std::vector<NamedDirection> m_directions;
};

}  // namespace rheo
