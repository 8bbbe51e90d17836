#include "widgets/views/lens_map_view.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QStackedLayout>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/figure/ranges.h"
#include "core/session/capture_run.h"
#include "core/session/forecast.h"
#include "core/session/opened_results.h"
#include "core/session/prompt_lens.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/loaded_model.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/views/color_range_button.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/option_bar.h"

namespace rheo {

namespace {

constexpr double operationsASecond = 3e10;  ///< of a product of matrices on a few cores, roughly
constexpr double secondsUnasked = 5;        ///< a prompt that takes less is read without being asked

/// The unembedding of every state, and the blocks before it.
double secondsFor(const LoadedModel& loaded, const Sample& sample) {
    const auto& config = loaded.model->config();
    const auto tokens = static_cast<double>(sample.tokenIds.size()),
               states = tokens * static_cast<double>(loaded.model->points().size()),
               units = static_cast<double>(config.dModel);
    const double unembedding = 2 * states * units * static_cast<double>(config.vocabulary),
                 blocks = 24 * tokens * static_cast<double>(config.layers) * units * units;
    return (unembedding + blocks) / operationsASecond;
}

/// What of the prompt is shown.
enum Shown { Natural, Teleported, Change };

TokenText textsOf(const LoadedModel& loaded) {
    return loaded.tokenizer ? tokenTexts(loaded.tokenizer) : TokenText{};
}

}  // namespace

LensMapView::LensMapView(const FigureView& figure, Workspace& workspace, Selection& selection,
                         TeleportModel& teleport)
    : View(figure),
      m_workspace(workspace),
      m_selection(selection),
      m_teleport(teleport),
      m_theme(lightTheme()),
      m_pages(new QStackedLayout(this)),
      m_text(new QLabel),
      m_read(new QPushButton(tr("&Read the prompt"))),
      m_shown(new QComboBox),
      m_ranked(new QLineEdit),
      m_colors(new ColorRangeButton),
      m_bar(new OptionBar(figure)),
      m_widget(new FigureWidget(workspace.jobs())) {
    m_text->setWordWrap(true);
    m_text->setAlignment(Qt::AlignCenter);
    m_text->setMinimumHeight(6 * m_text->fontMetrics().lineSpacing());  // wrapped in a narrow window
    m_read->setMinimumSize(180, 34);
    auto* missing = new QWidget;
    auto* middle = new QVBoxLayout(missing);
    middle->addStretch(2);
    middle->addWidget(m_text);
    middle->addSpacing(10);
    middle->addWidget(m_read, 0, Qt::AlignHCenter);
    middle->addStretch(3);
    auto* drawn = new QWidget;
    auto* layout = new QVBoxLayout(drawn);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_shown->addItems({tr("Natural"), tr("After the teleport"), tr("Change by the teleport")});
    m_shown->setAccessibleName(tr("What is shown"));
    m_shown->setToolTip(tr("Move the ring in the trajectories to see what it changes"));
    m_bar->add(m_shown);
    m_ranked->setPlaceholderText(tr("token that follows"));
    m_ranked->setAccessibleName(tr("Token whose rank is shown"));
    m_ranked->setToolTip(
        tr("The token whose rank is shown, with its space: \" Paris\". Empty: the token that "
           "follows in the text"));
    m_ranked->setMaximumWidth(150);
    m_ranked->hide();
    m_bar->add(m_ranked);
    m_bar->append(m_colors);
    layout->addWidget(m_bar);
    layout->addWidget(m_widget, 1);
    m_pages->addWidget(missing);
    m_pages->addWidget(drawn);
    m_widget->setAccessibleName(title());
    connect(m_read, &QPushButton::clicked, this, &LensMapView::read);
    connect(m_bar, &OptionBar::changed, this, [this] {
        m_ranked->setVisible(m_workspace.model() &&
                             m_bar->list("color")->currentText() == tr("Rank of a token"));
        draw();
    });
    connect(m_ranked, &QLineEdit::editingFinished, this, &LensMapView::refresh);
    connect(m_colors, &ColorRangeButton::changed, this, &LensMapView::draw);
    connect(m_shown, &QComboBox::currentIndexChanged, this, &LensMapView::draw);
    connect(&m_teleport, &TeleportModel::resultChanged, this, &LensMapView::follow);
    connect(m_widget, &FigureWidget::hovered, this, &View::hovered);
    connect(m_widget, &FigureWidget::idClicked, this, &LensMapView::select);
    connect(&m_workspace, &Workspace::modelChanged, this, &LensMapView::refresh);
    connect(&m_selection, &Selection::promptChanged, this, &LensMapView::refresh);
    connect(&m_selection, &Selection::pointChanged, this, &LensMapView::mark);
    connect(&m_selection, &Selection::tokenChanged, this, &LensMapView::mark);
}

LensMapView::Asked LensMapView::asked() const {
    return {m_workspace.model(), m_workspace.prompts().sampleOf(m_selection.prompt()), rankOf()};
}

/// The first token of what was typed.
std::optional<std::int32_t> LensMapView::rankOf() const {
    const auto model = m_workspace.model();
    if (m_ranked->text().isEmpty() || !model || !model->tokenizer) return std::nullopt;
    const auto ids = model->tokenizer->encode(m_ranked->text().toStdString(), false);
    return ids.empty() ? std::nullopt : std::optional(ids.front());
}

void LensMapView::setDocument(std::shared_ptr<const DocumentState> state) {
    m_ofFile = resultsWith(*state, figureView().statistic).opened;
    if (m_ofFile && !hasView(m_ofFile->results, figureView().name)) m_ofFile = nullptr;
    refresh();
}

const Results* LensMapView::drawn() const {
    if (m_moved) return &m_moved->results;
    if (m_natural) return &m_natural->results;
    return m_ofFile && !m_asked.model ? &m_ofFile->results : nullptr;
}

void LensMapView::setTheme(const Theme& theme) {
    m_theme = theme;
    draw();
}

void LensMapView::showEvent(QShowEvent* event) {
    View::showEvent(event);
    refresh();
}

/// Another prompt or model: what is shown is of the one before, and goes.
void LensMapView::refresh() {
    const Asked now = asked();
    if (now == m_asked && (m_natural || m_job != JobId{})) return follow();
    if (now == m_asked && !now.model && hasFigure()) return draw();
    for (JobId* job : {&m_job, &m_moving}) m_workspace.jobs().cancel(std::exchange(*job, JobId{}));
    m_natural = m_moved = nullptr;
    m_teleported = nullptr;
    m_asked = now;
    draw();
    if (!now.model && m_ofFile) return;
    if (!now.model)
        return say(tr("What would the model predict after each token, at each depth? This needs the model: "
                      "open its folder (Ctrl+M), or attach it to the trace."),
                   false);
    if (now.sample.tokenIds.empty()) return say(tr("Choose a prompt in the list on the left."), false);
    const double seconds = secondsFor(*now.model, now.sample);
    const double states = static_cast<double>(now.sample.tokenIds.size() * now.model->model->points().size());
    say(tr("The model reads %1 tokens at %2 points: %3, %4 of memory.")
            .arg(now.sample.tokenIds.size())
            .arg(now.model->model->points().size())
            .arg(QString::fromStdString(timeText(seconds)),
                 QString::fromStdString(formatBytes(
                     states * static_cast<double>(now.model->model->config().dModel) * sizeof(float)))),
        true);
    if (isVisible() && seconds < secondsUnasked) read();
}

void LensMapView::read() {
    const Asked now = asked();
    if (!now.model || now.sample.tokenIds.empty() || m_job != JobId{}) return;
    const quint64 document = m_workspace.documentNumber();
    m_read->setEnabled(false);
    m_job = m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Reading the prompt at every depth")},
        [now](Progress& progress) {
            return std::make_shared<const PromptLens>(
                lensOfPrompt(*now.model->model, now.sample, textsOf(*now.model), progress, now.rankOf));
        },
        this,
        [this, now, document](Outcome<std::shared_ptr<const PromptLens>> outcome) {
            if (document != m_workspace.documentNumber() || now != m_asked) return;
            m_job = {};
            m_read->setEnabled(true);
            m_workspace.use(tr("Read the prompt"), outcome, [&](std::shared_ptr<const PromptLens> lens) {
                m_natural = std::move(lens);
                draw();
                follow();
            });
        }));
}

/// The teleport that is shown, if it is of this prompt, as the lens sees it.
void LensMapView::follow() {
    const auto result = m_natural && isVisible() ? m_teleport.result() : nullptr;
    const auto tokens = static_cast<std::int64_t>(m_asked.sample.tokenIds.size());
    const bool fits = result && result->teleported.states.n0 == tokens - result->request.token;
    if (!fits && m_natural && !m_teleport.result()) {  // back to the natural path
        m_moved = nullptr;
        m_teleported = nullptr;
        return draw();
    }
    if (!fits || result == m_teleported) return;
    m_teleported = result;
    m_workspace.jobs().cancel(m_moving);
    m_moving = m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Computing what the teleport changes"), false},
        [now = m_asked, natural = m_natural, result](Progress& progress) {
            return std::make_shared<const PromptLens>(
                withTeleport(*now.model->model, *natural, *result, textsOf(*now.model), progress));
        },
        this,
        [this, result](Outcome<std::shared_ptr<const PromptLens>> outcome) {
            if (result != m_teleported) return;
            m_workspace.use(tr("Compute what the teleport changes"), outcome,
                            [&](std::shared_ptr<const PromptLens> lens) {
                                m_moved = std::move(lens);
                                draw();
                            });
        }));
}

/// The selected prompt, as the file counts it: the sample whose rows are its tokens. None where there is
/// none.
std::optional<std::int32_t> LensMapView::sampleOfFile() const {
    const auto tokens = m_workspace.prompts().sampleOf(m_selection.prompt()).tokenIds;
    std::map<std::int32_t, bool> fits;
    for (const TraceRow& row : m_ofFile->results.source.info.rows) {
        const auto at = static_cast<std::size_t>(row.position);
        const bool same = at < tokens.size() && tokens[at] == row.tokenId;
        fits.try_emplace(row.sample, true).first->second &= same;
    }
    for (const auto& [sample, isIt] : fits)
        if (isIt) return sample;
    return std::nullopt;
}

std::shared_ptr<const Results> LensMapView::ownResults() const {
    const auto& lens = m_moved ? m_moved : m_natural;
    return lens ? std::shared_ptr<const Results>(lens, &lens->results) : nullptr;
}

void LensMapView::draw() {
    if (std::exchange(m_wasDrawn, hasFigure()) != hasFigure()) Q_EMIT statusChanged();
    m_pages->setCurrentIndex(hasFigure() ? 1 : 0);
    m_shown->setEnabled(m_moved != nullptr);
    if (!hasFigure()) return m_widget->setFigure(nullptr);
    try {
        Figure figure = figureOfResults(*drawn(), recipe());
        m_colors->setAutomatic(colorsOf(figure));
        if (m_colors->chosen()) showColors(figure, *m_colors->chosen());
        m_widget->setFigure(std::make_shared<const Figure>(std::move(figure)));
    } catch (const Error& error) {
        m_natural = m_moved = nullptr;
        m_ofFile = nullptr;
        m_pages->setCurrentIndex(0);
        say(QString::fromUtf8(error.what()), false);
    }
    mark();
}

void LensMapView::say(const QString& words, bool offers) {
    m_text->setText(words);
    m_read->setVisible(offers);
    m_read->setEnabled(m_job == JobId{});
}

void LensMapView::select(AxisKind kind, qint64 id) {
    if (kind == AxisKind::Tokens) m_selection.selectToken(static_cast<int>(id));
    if (kind != AxisKind::Points) return;
    const auto& open = m_workspace.points();
    const auto& own = drawn()->source.info.points;
    const auto place = std::find(open.begin(), open.end(), own[static_cast<std::size_t>(id)]);
    if (place != open.end()) m_selection.selectPoint(PointIndex{place - open.begin()});
}

void LensMapView::mark() {
    if (!hasFigure()) return;
    std::map<AxisKind, std::int64_t> marks{{AxisKind::Tokens, m_selection.token()}};
    const auto& open = m_workspace.points();
    const auto& own = drawn()->source.info.points;
    const auto at = static_cast<std::size_t>(m_selection.point().value());
    if (at < open.size())
        if (const auto place = std::find(own.begin(), own.end(), open[at]); place != own.end())
            marks[AxisKind::Points] = place - own.begin();
    m_widget->setMarks(std::move(marks));
}

QSize LensMapView::pictureSize() const {
    return m_widget->size();
}

std::shared_ptr<const Figure> LensMapView::figure() const {
    return hasFigure() ? std::make_shared<const Figure>(m_widget->shown()) : nullptr;
}

Recipe LensMapView::recipe() const {
    const bool ofFile = m_ofFile && drawn() == &m_ofFile->results;
    Recipe recipe = recipeOf(figureView(), m_theme, ofFile ? m_ofFile.get() : nullptr);
    const int shown = m_moved ? m_shown->currentIndex() : Natural;
    std::vector<std::pair<std::string, std::string>> more;
    if (!ofFile)
        more.emplace_back("sample", shown == Natural ? "0" : "1");
    else if (const auto sample = sampleOfFile())
        more.emplace_back("sample", std::to_string(*sample));
    if (shown == Change) more.emplace_back("minus", "0");
    recipe.options = m_bar->options(more);
    recipe.colors = m_colors->chosen();
    if (m_widget->figure() != nullptr) recipe.ranges = rangesShown(*m_widget->figure(), m_widget->shown());
    return recipe;
}

}  // namespace rheo
