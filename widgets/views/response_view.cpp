#include "widgets/views/response_view.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>

#include "core/capture/prompts.h"
#include "core/dynamics/response.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/shell_line.h"

namespace rheo {

namespace {
constexpr int mostOffered = 200;  ///< prompts of the document, in the list
}

ResponseView::ResponseView(const FigureView& figure, const ViewContext& context)
    : ComputedView(figure, context, tr("Compute the response")),
      m_along(new QComboBox),
      m_other(new QComboBox),
      m_largest(new QDoubleSpinBox) {
    m_along->setAccessibleName(tr("Direction"));
    m_along->setToolTip(tr("The vectors of the edits, and the axes of the trajectories"));
    m_other->setEditable(true);
    m_other->setInsertPolicy(QComboBox::NoInsert);
    m_other->setCompleter(nullptr);
    m_other->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_other->setMinimumContentsLength(12);
    m_other->setAccessibleName(tr("The other prompt"));
    m_other->setToolTip(tr("The line goes to the state of its last token at the selected point"));
    m_other->lineEdit()->setPlaceholderText(tr("Another prompt"));
    m_largest->setRange(0.5, 100);
    m_largest->setValue(8);
    m_largest->setPrefix(tr("to "));
    m_largest->setSuffix(tr(" SD"));
    m_largest->setAccessibleName(tr("Largest push"));
    m_largest->setToolTip(
        tr("Largest push, in standard deviations of the prompt's states along the direction, in both signs"));
    auto* row = new QHBoxLayout;
    row->addWidget(new QLabel(tr("Push along")));
    row->addWidget(m_along, 1);
    row->addWidget(m_other, 1);
    row->addWidget(m_largest);
    form()->addLayout(row);
    connect(m_along, &QComboBox::currentIndexChanged, this, [this] {
        m_other->setVisible(isLine());
        m_largest->setVisible(!isLine());
        refresh();
    });
    connect(m_other, &QComboBox::editTextChanged, this, &ComputedView::refresh);
    connect(&m_laboratory, &Laboratory::editsChanged, this, [this] {
        offer();
        refresh();
    });
    connect(&m_selection, &Selection::promptChanged, this, &ComputedView::refresh);
}

void ResponseView::offer() {
    const QString before = m_along->currentText();
    const QSignalBlocker quiet(m_along);
    m_along->clear();
    m_directions.clear();
    for (const Edit& edit : m_laboratory.edits()) {
        if (edit.vector.size() == 0) continue;
        m_along->addItem(QString::fromStdString(edit.name));
        m_directions.push_back(edit.vector);
    }
    if (const auto basis = m_workspace.state()->basis)
        for (Eigen::Index c = 0; c < std::min<Eigen::Index>(3, basis->components.rows()); ++c) {
            m_along->addItem(basis->names.empty()
                                 ? tr("PC%1").arg(c + 1)
                                 : QString::fromStdString(basis->names[static_cast<std::size_t>(c)]));
            m_directions.push_back(basis->components.row(c).transpose().cast<float>());
        }
    m_along->addItem(tr("the line to another prompt's state"));
    m_along->setCurrentIndex(std::max(0, m_along->findText(before)));
    const QString prompt = m_other->currentText();
    const auto& queue = m_workspace.prompts();
    const QSignalBlocker quietOther(m_other);
    m_other->clear();
    for (int i = 0; i < std::min(queue.count(), mostOffered); ++i) m_other->addItem(queue.at(i).text);
    m_other->setCurrentIndex(-1);
    m_other->setEditText(prompt);
    m_other->setVisible(isLine());
    m_largest->setVisible(!isLine());
}

bool ResponseView::isLine() const {
    return m_along->currentIndex() == static_cast<int>(m_directions.size());
}

void ResponseView::setDocument(std::shared_ptr<const DocumentState> state) {
    offer();
    ComputedView::setDocument(std::move(state));
}

QString ResponseView::whyNot() const {
    if (const QString why = ComputedView::whyNot(); !why.isEmpty()) return why;
    if (isLine() && (!m_workspace.model()->tokenizer || m_other->currentText().isEmpty()))
        return m_workspace.model()->tokenizer
                   ? tr("Choose or type the prompt to whose state the line goes.")
                   : tr("The line to another prompt's state needs the tokenizer of the model.");
    return m_laboratory.sample().tokenIds.empty() ? tr("Choose a prompt in the list on the left.")
                                                  : QString();
}

void ResponseView::compute() {
    const auto loaded = m_workspace.model();
    const Sample sample = m_laboratory.sample();
    const auto point = m_workspace.modelPoint(m_selection.point());
    if (!point || m_along->currentIndex() < 0) return;
    ResponseRequest request;
    request.point = *point;
    request.token = std::min(m_selection.token(), static_cast<int>(sample.tokenIds.size()) - 1);
    const std::string other = isLine() ? m_other->currentText().toStdString() : std::string();
    if (!isLine()) request.direction = m_directions[static_cast<std::size_t>(m_along->currentIndex())];
    request.largest = m_largest->value();
    struct Made {
        std::shared_ptr<const ResponseFile> file;
        std::vector<std::int32_t> otherIds;
    };
    start(
        tr("Compute the response"),
        [loaded, sample, request, other, along = m_along->currentText().toStdString()](Progress& progress) {
            const Model& model = *loaded->model;
            const auto context = model.prepare(sample.tokenIds, progress);
            ResponseRequest asked = request;
            ResponseFile file;
            Made made;
            file.along = along;
            file.unitName = "SD of the prompt";
            if (other.empty()) {
                asked.unit = deviationAlong(model, *context, request.point, request.direction);
            } else {
                made.otherIds =
                    makeSample(other, *loaded->tokenizer, model.config(), std::nullopt, "the other prompt")
                        .tokenIds;
                const auto to = model.prepare(made.otherIds, progress);
                asked.target =
                    model.naturalState(*to, request.point, static_cast<int>(made.otherIds.size()) - 1);
                file.along = "to '" + other + "'";
            }
            file.points = model.points();
            file.model = model.identity();
            file.text = sample.text;
            file.ids = sample.tokenIds;
            file.response = rheo::response(model, *context, asked, progress);
            for (const std::int32_t id : file.response.likeliest)
                file.tokenTexts[id] = piecesOf(*loaded, {id}).front();
            made.file = std::make_shared<const ResponseFile>(std::move(file));
            return made;
        },
        [this](Made made) {
            m_response = std::move(made.file);
            m_otherIds = std::move(made.otherIds);
        });
}

std::shared_ptr<const Figure> ResponseView::makeFigure(const Recipe& recipe) const {
    return m_response ? std::make_shared<const Figure>(figureOfResponse(*m_response, recipe)) : nullptr;
}

std::optional<OwnFile> ResponseView::ownFile() const {
    if (!m_response) return std::nullopt;
    return OwnFile{"response", QStringLiteral(".response.h5"),
                   [made = m_response](const std::filesystem::path& file, IfExists ifExists) {
                       writeResponseFile(file, *made, ifExists);
                   }};
}

/// The direction stands as a file: that of an edit is saved by the laboratory.
QString ResponseView::command() const {
    const auto loaded = m_workspace.model();
    if (!m_response || !loaded) return {};
    const ResponseRequest& request = m_response->response.request;
    QStringList words{"rheo", "response"};
    for (const std::string& word : modelWordsOf(*loaded)) words << QString::fromStdString(word);
    QStringList ids;
    for (const auto id : m_response->ids) ids << QString::number(id);
    words << "--ids" << ids.join(',') << "--point"
          << QString::fromStdString(
                 pointName(m_response->points[static_cast<std::size_t>(request.point.value())]))
          << "--token" << QString::number(request.token);
    if (m_otherIds.empty()) {
        words << "--axes"
              << "vector.safetensors"
              << "--largest" << QString::number(request.largest);
    } else {
        QStringList to;
        for (const auto id : m_otherIds) to << QString::number(id);
        words << "--to-ids" << to.join(',');
    }
    words << "--out"
          << "response.h5";
    return shellLine(words) +
           QStringLiteral(" && rheo figure response.h5 --view response --out response.svg");
}

}  // namespace rheo
