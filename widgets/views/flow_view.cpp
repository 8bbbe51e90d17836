#include "widgets/views/flow_view.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSpinBox>
#include <QVBoxLayout>
#include <algorithm>

#include "core/dynamics/flow.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/shell_line.h"

namespace rheo {

FlowView::FlowView(const FigureView& figure, const ViewContext& context)
    : ComputedView(figure, context, tr("Compute the flow")),
      m_axes{new QComboBox, new QComboBox},
      m_cells(new QSpinBox),
      m_steps(new QSpinBox) {
    m_axes[0]->setAccessibleName(tr("Axis across"));
    m_axes[1]->setAccessibleName(tr("Axis up"));
    m_axes[0]->setToolTip(tr("The component that runs across the grid"));
    m_axes[1]->setToolTip(tr("The component that runs up the grid"));
    m_cells->setToolTip(
        tr("Each cell is one state that the network carries on: twice as many a side take four times as "
           "long"));
    m_steps->setToolTip(tr("The arrows go from each cell to where its state is after so many steps"));
    m_cells->setRange(3, 41);
    m_cells->setSingleStep(2);
    m_cells->setValue(11);
    m_cells->setSuffix(tr(" cells a side"));
    m_cells->setAccessibleName(tr("Cells a side"));
    m_steps->setRange(0, 0);
    m_steps->setSpecialValueText(tr("to the end"));
    m_steps->setPrefix(tr("after "));
    m_steps->setSuffix(tr(" steps"));
    m_steps->setAccessibleName(tr("Steps that are drawn"));
    auto* row = new QHBoxLayout;
    row->addWidget(new QLabel(tr("Over")));
    row->addWidget(m_axes[0], 1);
    row->addWidget(new QLabel(tr("and")));
    row->addWidget(m_axes[1], 1);
    row->addWidget(m_cells);
    row->addWidget(m_steps);
    form()->addLayout(row);
    connect(m_steps, &QSpinBox::valueChanged, this, &ComputedView::refresh);
    connect(&m_selection, &Selection::promptChanged, this, &ComputedView::refresh);
}

void FlowView::setDocument(std::shared_ptr<const DocumentState> state) {
    if (state->basis != m_offered) {
        m_offered = state->basis;
        for (std::size_t i = 0; i < 2; ++i) {
            m_axes[i]->clear();
            if (!m_offered) continue;
            for (Eigen::Index c = 0; c < m_offered->components.rows(); ++c)
                m_axes[i]->addItem(
                    m_offered->names.empty()
                        ? tr("PC%1").arg(c + 1)
                        : QString::fromStdString(m_offered->names[static_cast<std::size_t>(c)]));
            m_axes[i]->setCurrentIndex(static_cast<int>(i));
        }
    }
    ComputedView::setDocument(std::move(state));
}

QString FlowView::whyNot() const {
    if (const QString why = ComputedView::whyNot(); !why.isEmpty()) return why;
    if (!m_offered || m_axes[0]->count() < 2) return tr("This needs axes: fit the PCA (Ctrl+R).");
    if (m_offered->scaling != Scaling::Raw)
        return tr("This needs a PCA of raw states: fit it again (Ctrl+R).");
    return m_laboratory.sample().tokenIds.empty() ? tr("Choose a prompt in the list on the left.")
                                                  : QString();
}

void FlowView::compute() {
    const auto loaded = m_workspace.model();
    const Sample sample = m_laboratory.sample();
    const auto point = m_workspace.modelPoint(m_selection.point());
    if (!point) return;
    FlowRequest request;
    request.point = *point;
    request.token = std::min(m_selection.token(), static_cast<int>(sample.tokenIds.size()) - 1);
    request.axes = {m_axes[0]->currentIndex(), m_axes[1]->currentIndex()};
    if (request.axes[0] == request.axes[1])
        return m_workspace.fail(title(), {ErrorCode::InvalidArgument, tr("Choose two different axes."), {}});
    request.columns = request.rows = m_cells->value();
    m_asked.clear();
    m_asked << "rheo"
            << "flow";
    for (const std::string& word : modelWordsOf(*loaded)) m_asked << QString::fromStdString(word);
    QStringList ids;
    for (const auto id : sample.tokenIds) ids << QString::number(id);
    const QString at =
        QString::fromStdString(pointName(loaded->model->points()[static_cast<std::size_t>(point->value())]));
    m_asked << "--ids" << ids.join(',') << "--point" << at << "--token" << QString::number(request.token)
            << (m_offered->names.empty() ? "--basis" : "--axes")
            << (m_offered->names.empty() ? "results.h5" : "axes.safetensors") << "--grid"
            << QStringLiteral("%1x%1").arg(m_cells->value()) << "--out"
            << "flow.h5";
    start(
        tr("Compute the flow"),
        [loaded, sample, request, basis = m_offered](Progress& progress) {
            const Model& model = *loaded->model;
            FlowFile file;
            file.points = model.points();
            file.model = model.identity();
            file.text = sample.text;
            file.ids = sample.tokenIds;
            file.flow =
                rheo::flow(model, *model.prepare(sample.tokenIds, progress), *basis, request, progress);
            for (const std::int32_t id : file.flow.likeliest)
                file.tokenTexts[id] = piecesOf(*loaded, {id}).front();
            file.tokenTexts[file.flow.naturalToken] = piecesOf(*loaded, {file.flow.naturalToken}).front();
            return std::make_shared<const FlowFile>(std::move(file));
        },
        [this](std::shared_ptr<const FlowFile> made) {
            m_flow = std::move(made);
            m_steps->setRange(0, static_cast<int>(m_flow->flow.points()) - 1);
        });
}

std::vector<std::pair<std::string, std::string>> FlowView::moreOptions() const {
    if (m_steps->value() == 0) return {};
    return {{"steps", std::to_string(m_steps->value())}};
}

std::shared_ptr<const Figure> FlowView::makeFigure(const Recipe& recipe) const {
    return m_flow ? std::make_shared<const Figure>(figureOfFlow(*m_flow, recipe)) : nullptr;
}

std::optional<OwnFile> FlowView::ownFile() const {
    if (!m_flow) return std::nullopt;
    return OwnFile{"flow", QStringLiteral(".flow.h5"),
                   [made = m_flow](const std::filesystem::path& file, IfExists ifExists) {
                       writeFlowFile(file, *made, ifExists);
                   }};
}

QString FlowView::command() const {
    if (!m_flow) return {};
    return shellLine(m_asked) + QStringLiteral(" && rheo figure flow.h5 --view flow --out flow.svg");
}

}  // namespace rheo
