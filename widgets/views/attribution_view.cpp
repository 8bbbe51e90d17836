#include "widgets/views/attribution_view.h"

#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>
#include <numeric>

#include "core/dynamics/attribution.h"
#include "core/dynamics/intervene.h"
#include "core/dynamics/teleport.h"
#include "core/results/intervention_file.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/shell_line.h"

namespace rheo {

namespace {

struct Asked {
    std::shared_ptr<const LoadedModel> loaded;
    std::vector<std::int32_t> ids;
    std::string answer, foil;
    Intervention intervention;
    bool edited = false;
};

std::int32_t firstToken(const LoadedModel& loaded, const std::string& text) {
    if (text.empty() || !loaded.tokenizer) return -1;
    const auto ids = loaded.tokenizer->encode(text, false);
    return ids.empty() ? -1 : ids.front();
}

AttributionFile attributionOf(const Asked& asked, Progress& progress) {
    const Model& model = *asked.loaded->model;
    AttributionFile file;
    file.ids = asked.ids;
    file.token = static_cast<int>(asked.ids.size()) - 1;
    std::int32_t answer = firstToken(*asked.loaded, asked.answer);
    if (answer < 0) {
        ForwardRequest request;
        request.ids = {asked.ids};
        request.positions = {{file.token}};
        request.states = false;
        request.logits = true;
        answer = topTokens(model.forward(request, progress).logits.row(0).transpose(), 1).front().id;
    }
    const std::int32_t foil = firstToken(*asked.loaded, asked.foil);
    std::vector<std::int32_t> all(asked.ids.size());
    std::iota(all.begin(), all.end(), 0);
    file.attribution = attribute(model, asked.ids, all, answer, foil, {}, progress);
    file.points = model.points();
    file.model = model.identity();
    if (asked.edited) {
        const auto context = model.prepare(asked.ids, progress);
        file.natural = std::move(file.attribution);
        file.attribution = attribute(model, asked.ids, all, answer, foil,
                                     resolveEdits(model, *context, asked.intervention, 0), progress);
        file.intervention = interventionToJson(asked.intervention, file.model);
    }
    file.pieces = piecesOf(*asked.loaded, asked.ids);
    file.answerText = piecesOf(*asked.loaded, {answer}).front();
    if (foil >= 0) file.foilText = piecesOf(*asked.loaded, {foil}).front();
    return file;
}

}  // namespace

AttributionView::AttributionView(const FigureView& figure, const ViewContext& context)
    : ComputedView(figure, context, tr("Compute")), m_answer(new QLineEdit), m_foil(new QLineEdit) {
    m_answer->setPlaceholderText(tr("the likeliest"));
    m_answer->setAccessibleName(tr("Token whose logit is explained"));
    m_answer->setToolTip(tr("The token whose logit is explained, with its space: \" Paris\""));
    m_foil->setPlaceholderText(tr("none"));
    m_foil->setAccessibleName(tr("Token whose logit is subtracted"));
    m_foil->setToolTip(tr("A token whose logit is subtracted: \" Rome\""));
    auto* row = new QHBoxLayout;
    row->addWidget(new QLabel(tr("Logit of")));
    row->addWidget(m_answer, 1);
    row->addWidget(new QLabel(tr("less that of")));
    row->addWidget(m_foil, 1);
    form()->addLayout(row);
    for (QLineEdit* box : {m_answer, m_foil})
        connect(box, &QLineEdit::editingFinished, this, [this, box] {
            if (box->isModified()) follow();
            box->setModified(false);
        });
    connect(&m_selection, &Selection::promptChanged, this, &AttributionView::follow);
    connect(&m_selection, &Selection::tokenChanged, this, &ComputedView::refresh);
    connect(&m_laboratory, &Laboratory::pathChanged, this, [this] {
        const bool edited = m_laboratory.path() != nullptr;
        if (edited || (m_attribution && m_attribution->natural)) follow();
    });
}

QString AttributionView::whyNot() const {
    if (const QString why = ComputedView::whyNot(); !why.isEmpty()) return why;
    return m_laboratory.sample().tokenIds.empty() ? tr("Choose a prompt in the list on the left.")
                                                  : QString();
}

void AttributionView::showEvent(QShowEvent* event) {
    ComputedView::showEvent(event);
    follow();
}

/// Of the prompt and the edits as they are now. Cheap: a run of the prompt or two.
void AttributionView::follow() {
    const auto ids = m_laboratory.sample().tokenIds;
    if (m_attribution && m_attribution->ids != ids) {
        m_attribution = nullptr;
        refresh();
    }
    if (isVisible() && whyNot().isEmpty()) compute();
}

void AttributionView::compute() {
    const Asked asked{m_workspace.model(),
                      m_laboratory.sample().tokenIds,
                      m_answer->text().toStdString(),
                      m_foil->text().toStdString(),
                      m_laboratory.intervention(),
                      m_laboratory.hasEditsOn() && m_laboratory.trouble().isEmpty()};
    start(
        tr("Compute the attribution"),
        [asked](Progress& progress) {
            return std::make_shared<const AttributionFile>(attributionOf(asked, progress));
        },
        [this](std::shared_ptr<const AttributionFile> made) { m_attribution = std::move(made); });
}

std::vector<std::pair<std::string, std::string>> AttributionView::moreOptions() const {
    if (!m_attribution) return {};
    const int last = static_cast<int>(m_attribution->ids.size()) - 1;
    const int token = m_selection.token() < 0 ? last : std::min(m_selection.token(), last);
    return {{"token", std::to_string(token)}};
}

std::shared_ptr<const Figure> AttributionView::makeFigure(const Recipe& recipe) const {
    return m_attribution ? std::make_shared<const Figure>(figureOfAttribution(*m_attribution, recipe))
                         : nullptr;
}

std::optional<OwnFile> AttributionView::ownFile() const {
    if (!m_attribution) return std::nullopt;
    return OwnFile{"attribution", QStringLiteral(".attribution.h5"),
                   [made = m_attribution](const std::filesystem::path& file, IfExists ifExists) {
                       writeAttributionFile(file, *made, ifExists);
                   }};
}

QString AttributionView::command() const {
    const auto loaded = m_workspace.model();
    if (!m_attribution || !loaded) return {};
    QStringList words{"rheo", "attribute"};
    for (const std::string& word : modelWordsOf(*loaded)) words << QString::fromStdString(word);
    QStringList ids;
    for (const auto id : m_attribution->ids) ids << QString::number(id);
    words << "--ids" << ids.join(',') << "--answer" << QString::fromStdString(m_attribution->answerText);
    if (!m_attribution->foilText.empty())
        words << "--foil" << QString::fromStdString(m_attribution->foilText);
    if (m_attribution->natural)
        words << "--edits"
              << "edits.json";
    words << "--out"
          << "attribution.h5";
    return shellLine(words) +
           QStringLiteral(" && rheo figure attribution.h5 --view attribution --out attribution.svg");
}

void AttributionView::clicked(const std::map<AxisKind, qint64>& ids) {
    if (const auto token = ids.find(AxisKind::Tokens); token != ids.end())
        m_selection.selectToken(static_cast<int>(token->second));
    const auto point = ids.find(AxisKind::Points);
    if (point == ids.end() || !m_attribution) return;
    const auto& open = m_workspace.points();
    const auto& own = m_attribution->points;
    const auto place = std::find(open.begin(), open.end(), own[static_cast<std::size_t>(point->second)]);
    if (place != open.end()) m_selection.selectPoint(PointIndex{place - open.begin()});
}

}  // namespace rheo
