#include "widgets/views/flow_view.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSpinBox>
#include <QVBoxLayout>
#include <algorithm>
#include <iterator>

#include "core/dynamics/flow.h"
#include "core/figure/flow_figure.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/shell_line.h"
#include "widgets/views/option_bar.h"

namespace rheo {

namespace {
/// Where grids are put in.
enum class Depths { Selected, FourthBlocks, Blocks, Points };
}  // namespace

FlowView::FlowView(const FigureView& figure, const ViewContext& context)
    : ComputedView(figure, context, tr("Compute the flow")),
      m_axes{new QComboBox, new QComboBox},
      m_depths(new QComboBox),
      m_inSpace(new QCheckBox(tr("In the trajectories"))),
      m_cells(new QSpinBox),
      m_steps(new QSpinBox) {
    m_axes[0]->setAccessibleName(tr("Axis across"));
    m_axes[1]->setAccessibleName(tr("Axis up"));
    m_axes[0]->setToolTip(tr("The component that runs across the grid"));
    m_axes[1]->setToolTip(tr("The component that runs up the grid"));
    m_cells->setToolTip(tr(
        "Each cell is one state on which the network runs: twice as many per side take four times as long"));
    m_steps->setToolTip(tr("Each arrow goes from a cell to where its state is after this number of steps"));
    m_cells->setRange(3, 41);
    m_cells->setSingleStep(2);
    m_cells->setValue(11);
    m_cells->setSuffix(tr(" cells a side"));
    m_cells->setAccessibleName(tr("Cells a side"));
    m_steps->setRange(0, 0);
    m_steps->setSpecialValueText(tr("to the end"));
    m_steps->setPrefix(tr("after "));
    m_steps->setSuffix(tr(" steps"));
    m_steps->setAccessibleName(tr("Number of steps of an arrow"));
    m_depths->addItem(tr("at the selected point"), int(Depths::Selected));
    m_depths->addItem(tr("at every fourth block"), int(Depths::FourthBlocks));
    m_depths->addItem(tr("at every block"), int(Depths::Blocks));
    m_depths->addItem(tr("at every point"), int(Depths::Points));
    m_depths->setAccessibleName(tr("Points of the grids"));
    m_depths->setToolTip(
        tr("With several points, all flows are computed in one run; the depth slider moves between them"));
    m_inSpace->setToolTip(tr("The same arrows in the 3D view, in the plane of both axes"));
    auto* row = new QHBoxLayout;
    row->addWidget(new QLabel(tr("Over")));
    row->addWidget(m_axes[0], 1);
    row->addWidget(new QLabel(tr("and")));
    row->addWidget(m_axes[1], 1);
    row->addWidget(m_depths, 1);
    auto* second = new QHBoxLayout;
    second->addWidget(m_cells);
    second->addWidget(m_steps);
    second->addWidget(m_inSpace);
    second->addStretch(1);
    form()->addLayout(row);
    form()->addLayout(second);
    connect(m_steps, &QSpinBox::valueChanged, this, [this] {
        refresh();
        showInSpace();
    });
    connect(m_inSpace, &QCheckBox::toggled, this, &FlowView::showInSpace);
    connect(optionBar(), &OptionBar::changed, this, &FlowView::showInSpace);
    connect(&m_selection, &Selection::pointChanged, this, [this] {
        if (!m_flow || m_flow->deeper.empty()) return;
        refresh();
        showInSpace();
    });
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

/// Points of the model that a step follows.
std::vector<PointIndex> FlowView::wantedPoints() const {
    const auto selected = m_workspace.modelPoint(m_selection.point());
    const auto depths = static_cast<Depths>(m_depths->currentData().toInt());
    if (depths == Depths::Selected) return selected ? std::vector{*selected} : std::vector<PointIndex>{};
    const auto& points = m_workspace.model()->model->points();
    std::vector<PointIndex> wanted;
    int block = -1;
    for (std::size_t p = 0; p + 1 < points.size(); ++p) {
        const bool begins = p == 0 || points[p].block != points[p - 1].block;
        if (begins) ++block;
        if (depths == Depths::Points || (begins && (depths == Depths::Blocks || block % 4 == 0)))
            wanted.emplace_back(static_cast<std::int64_t>(p));
    }
    return wanted;
}

void FlowView::compute() {
    const auto loaded = m_workspace.model();
    const Sample sample = m_laboratory.sample();
    const std::vector<PointIndex> points = wantedPoints();
    if (points.empty()) return;
    FlowRequest request;
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
    m_asked << "--ids" << ids.join(',');
    if (points.size() == 1)
        m_asked << "--point"
                << QString::fromStdString(
                       pointName(loaded->model->points()[static_cast<std::size_t>(points.front().value())]));
    else
        m_asked << "--points"
                << "all"
                << "--every" << QString::number(points[1].value() - points[0].value());
    m_asked << "--token" << QString::number(request.token)
            << (m_offered->names.empty() ? "--basis" : "--axes")
            << (m_offered->names.empty() ? "results.h5" : "axes.safetensors") << "--components"
            << QStringLiteral("%1,%2").arg(request.axes[0] + 1).arg(request.axes[1] + 1) << "--grid"
            << QStringLiteral("%1x%1").arg(m_cells->value()) << "--out"
            << "flow.h5";
    start(
        tr("Compute the flow"),
        [loaded, sample, request, points, basis = m_offered](Progress& progress) {
            const Model& model = *loaded->model;
            FlowFile file;
            file.points = model.points();
            file.model = model.identity();
            file.text = sample.text;
            file.ids = sample.tokenIds;
            auto flows =
                flowsAt(model, *model.prepare(sample.tokenIds, progress), *basis, request, points, progress);
            file.flow = std::move(flows.front());
            file.deeper.assign(std::make_move_iterator(flows.begin() + 1),
                               std::make_move_iterator(flows.end()));
            for (const Flow* one : file.flows()) {
                for (const std::int32_t id : one->likeliest)
                    file.tokenTexts[id] = piecesOf(*loaded, {id}).front();
                file.tokenTexts[one->naturalToken] = piecesOf(*loaded, {one->naturalToken}).front();
            }
            return std::make_shared<const FlowFile>(std::move(file));
        },
        [this, basis = m_offered](std::shared_ptr<const FlowFile> made) {
            m_flow = std::move(made);
            m_basis = basis;
            m_steps->setRange(0, static_cast<int>(m_flow->flow.points()) - 1);
            showInSpace();
        });
}

void FlowView::forget() {
    m_flow = nullptr;
    showInSpace();
}

const Flow* FlowView::shown() const {
    if (!m_flow) return nullptr;
    const auto point = m_workspace.modelPoint(m_selection.point());
    return point ? &m_flow->at(*point) : &m_flow->flow;
}

/// The arrows in the plane of both axes, in the trajectories.
void FlowView::showInSpace() {
    const Flow* flow = shown();
    if (flow == nullptr || !m_inSpace->isChecked()) return m_laboratory.setArrows(nullptr, {});
    FlowOptions options;
    if (m_steps->value() > 0) options.steps = m_steps->value();
    options.relative = recipe().options.find("\"relative\":true") != std::string::npos;
    const PointIndex point = flow->request.point;
    PlaneArrows arrows;
    arrows.name =
        tr("flow from %1")
            .arg(QString::fromStdString(pointName(m_flow->points[static_cast<std::size_t>(point.value())])))
            .toStdString();
    arrows.axes = flow->request.axes;
    arrows.segments = flowSegments({*flow, m_flow->points, m_flow->tokenTexts, m_flow->flows()}, options);
    // The plane goes through the natural state where it is one of the rows, else through the mean.
    arrows.through = VectorD::Zero(m_basis->components.rows());
    const auto state = m_workspace.state();
    const auto first = m_workspace.modelPoint(PointIndex{0});
    const auto row = m_selection.row();
    if (row && first && state->scores && state->basis == m_basis && row->value() < state->scores->n0) {
        const std::int64_t at = point.value() - first->value();
        if (at >= 0 && at < state->scores->n1)
            arrows.through =
                Eigen::Map<const VectorF>(state->scores->at(row->value(), at), arrows.through.size())
                    .cast<double>();
    }
    m_laboratory.setArrows(m_basis, std::move(arrows));
}

std::vector<std::pair<std::string, std::string>> FlowView::moreOptions() const {
    std::vector<std::pair<std::string, std::string>> more;
    if (m_steps->value() > 0) more.emplace_back("steps", std::to_string(m_steps->value()));
    if (const Flow* flow = shown(); flow != nullptr && !m_flow->deeper.empty())
        more.emplace_back(
            "point",
            '"' + pointName(m_flow->points[static_cast<std::size_t>(flow->request.point.value())]) + '"');
    return more;
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
    QStringList figure{"rheo", "figure", "flow.h5", "--view", "flow"};
    if (m_steps->value() > 0) figure << "--steps" << QString::number(m_steps->value());
    if (!m_flow->deeper.empty())
        figure << "--at"
               << QString::fromStdString(
                      pointName(m_flow->points[static_cast<std::size_t>(shown()->request.point.value())]));
    return shellLine(m_asked) + " && " +
           shellLine(figure << "--out"
                            << "flow.svg");
}

}  // namespace rheo
