#include "widgets/views/verdicts_view.h"

#include <QAction>
#include <QDesktopServices>
#include <QDir>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QSplitter>
#include <QStackedLayout>
#include <QTextBrowser>
#include <QTimer>
#include <QTreeWidget>
#include <QUrl>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <utility>

#include "core/figure/ranges.h"
#include "core/session/analysis_choice.h"
#include "core/session/held_verdicts.h"
#include "core/session/opened_results.h"
#include "core/session/verdict_text.h"
#include "widgets/paint/export_figure.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/report_dialog.h"

namespace rheo {

namespace {

constexpr int textWidth = 520, leastWidth = 200, margin = 24;

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

QString number(double x) {
    return QString::fromStdString(formatNumber(x));
}

QString range(double low, double high) {
    return VerdictsView::tr("%1 to %2").arg(number(low), number(high));
}

/// A column of the table. Empty where there is no such number.
struct Column {
    const char* title;
    QString (*cell)(const Verdict&);
};
constexpr std::array columns{
    Column{QT_TRANSLATE_NOOP("rheo::VerdictsView", "Finding"),
           [](const Verdict& v) { return text(nameInWords(v.key)); }},
    Column{QT_TRANSLATE_NOOP("rheo::VerdictsView", "Verdict"),
           [](const Verdict& v) { return text(verdictInWords(v.verdict)); }},
    Column{QT_TRANSLATE_NOOP("rheo::VerdictsView", "Value"),
           [](const Verdict& v) { return std::isnan(v.observed) ? QString() : number(v.observed); }},
    Column{QT_TRANSLATE_NOOP("rheo::VerdictsView", "95 % interval"),
           [](const Verdict& v) {
               return std::isnan(v.interval.low) ? QString() : range(v.interval.low, v.interval.high);
           }},
    Column{QT_TRANSLATE_NOOP("rheo::VerdictsView", "Null, 95 %"),
           [](const Verdict& v) {
               return v.nulls.empty() ? QString() : range(v.nulls.front().low, v.nulls.front().high);
           }},
    Column{QT_TRANSLATE_NOOP("rheo::VerdictsView", "p, adjusted"),
           [](const Verdict& v) {
               const double p = v.verdict == VerdictKind::Opposite ? v.pAwayAdjusted : v.pAdjusted;
               return std::isnan(p) ? QString() : text(probabilityInWords(p));
           }},
};

/// The same as `rheo report` draws.
std::string drawForPage(const Figure& figure, const Recipe& recipe) {
    const ExportOptions how{"", recipe.widthMm, recipe.heightMm, 300, recipeToJson(recipe)};
    return encodeFigure(figure, ExportFormat::Svg, how).toStdString();
}

/// The page of the report that these results come from; empty: there is none.
QString pageOf(const OpenedResults& results) {
    const auto& file = results.path.empty() ? results.base : results.path;
    const QString page = QFileInfo(QString::fromStdString(file.string())).dir().filePath("index.html");
    return !file.empty() && QFileInfo::exists(page) ? page : QString();
}

}  // namespace

VerdictsView::VerdictsView(const FigureView& figure, Workspace& workspace)
    : View(figure),
      m_workspace(workspace),
      m_theme(lightTheme()),
      m_pages(new QStackedLayout(this)),
      m_scroll(new QScrollArea),
      m_missing(new QLabel),
      m_figureWidget(new FigureWidget(workspace.jobs())),
      m_table(new QTreeWidget),
      m_sentence(new QTextBrowser),
      m_button(new QPushButton(tr("&Test the findings…"))),
      m_show(new QPushButton(tr("&Show it"))),
      m_page(new QPushButton(tr("Open the &page"))),
      m_again(new QPushButton(tr("Test &again…"))),
      m_test(new QAction(tr("Test the published &findings…"), this)),
      m_wait(new QTimer(this)) {
    m_wait->setSingleShot(true);
    m_wait->setInterval(500);
    connect(m_wait, &QTimer::timeout, this, &VerdictsView::forecast);
    m_missing->setWordWrap(true);
    m_button->setMinimumSize(200, 34);
    auto* missing = new QWidget;
    auto* middle = new QVBoxLayout(missing);
    middle->addStretch(2);
    middle->addWidget(m_missing, 0, Qt::AlignHCenter);
    middle->addSpacing(10);
    middle->addWidget(m_button, 0, Qt::AlignHCenter);
    middle->addStretch(3);

    QStringList titles;
    for (const Column& column : columns) titles << tr(column.title);
    m_table->setHeaderLabels(titles);
    m_table->setRootIsDecorated(false);
    m_table->setUniformRowHeights(true);
    m_table->setAlternatingRowColors(true);
    m_table->setAllColumnsShowFocus(true);
    m_table->setAccessibleName(tr("Findings"));
    m_table->header()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_sentence->setFrameShape(QFrame::NoFrame);
    m_sentence->setFixedHeight(fontMetrics().height() * 7);
    m_sentence->setAccessibleName(tr("The chosen finding"));
    m_show->setToolTip(tr("The view that shows what this finding is about (also by double click)"));
    m_page->setToolTip(tr("All findings and figures of this report, in a browser"));
    auto* buttons = new QHBoxLayout;
    buttons->setContentsMargins(8, 2, 8, 6);
    for (auto* button : {m_show, m_page, m_again}) buttons->addWidget(button);
    buttons->addStretch();
    auto* numbers = new QWidget;
    auto* below = new QVBoxLayout(numbers);
    below->setContentsMargins(0, 0, 0, 0);
    below->addWidget(m_table, 1);
    below->addWidget(m_sentence);
    below->addLayout(buttons);
    auto* split = new QSplitter(Qt::Vertical);
    split->addWidget(m_figureWidget);
    split->addWidget(numbers);
    split->setStretchFactor(0, 1);
    split->setStretchFactor(1, 1);
    m_scroll->setWidget(missing);
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_pages->addWidget(m_scroll);
    m_pages->addWidget(split);

    connect(m_figureWidget, &FigureWidget::hovered, this, &View::hovered);
    connect(m_table, &QTreeWidget::currentItemChanged, this, &VerdictsView::describe);
    connect(m_table, &QTreeWidget::itemActivated, m_show, &QPushButton::click);
    connect(m_show, &QPushButton::clicked, this, [this] {
        if (const auto* item = m_table->currentItem())
            Q_EMIT viewRequested(
                text(findingText(item->data(0, Qt::UserRole).toString().toStdString()).view));
    });
    connect(m_page, &QPushButton::clicked, this,
            [this] { QDesktopServices::openUrl(QUrl::fromLocalFile(pageOf(*m_results))); });
    for (auto* button : {m_button, m_again})
        connect(button, &QPushButton::clicked, this, &VerdictsView::askForReport);
    connect(m_test, &QAction::triggered, this, &VerdictsView::askForReport);
    connect(&m_workspace, &Workspace::modelChanged, this, &VerdictsView::explain);
    connect(&m_workspace, &Workspace::modelChanged, m_wait, qOverload<>(&QTimer::start));
    connect(&m_workspace, &Workspace::documentReplaced, this, [this] {
        m_stopped.clear();
        updateStatus();
    });
    connect(&m_workspace.jobs(), &JobRunner::jobEnded, this, [this](const JobInfo& job) {
        if (job.id != m_job) return;
        m_job = {};
        updateStatus();
    });
    explain();
}

void VerdictsView::setDocument(std::shared_ptr<const DocumentState> state) {
    explain();
    setShown(*state);
    m_wait->start();
}

void VerdictsView::setShown(const DocumentState& state) {
    auto [results, verdicts] = heldVerdicts(state);
    const bool same = m_results == results && m_verdicts.size() == verdicts.size();
    m_results = std::move(results);
    m_verdicts = std::move(verdicts);
    if (!same) fill();
}

void VerdictsView::setTheme(const Theme& theme) {
    m_theme = theme;
    fill();
}

bool VerdictsView::hasFigure() const {
    return m_results != nullptr;
}

void VerdictsView::explain() {
    const QString why = whyNot(m_workspace, Feature::Report);
    QString words =
        tr("<h3>The published findings, tested</h3><p>Twelve findings about the residual stream of Llama 3.1 "
           "8B were published. Each is tested on the open rows, beside the nulls that could explain it, and "
           "gets a verdict with its interval and p. Two more, about the derivatives of steps, are tested if "
           "derivatives are computed.</p>");
    if (!why.isEmpty())
        words += QStringLiteral("<p>%1</p>").arg(why.toHtmlEscaped());
    else
        words += tr("<p>The test uses the open rows, and computes every statistic and its nulls. Results, "
                    "figures and a page for a browser are written to a folder; a cancelled report continues "
                    "from there.%1</p><p>%2</p>")
                     .arg(m_workspace.model()
                              ? QString()
                              : tr(" Without a model, the finding about attractors is not tested."),
                          m_cost.isEmpty() ? tr("Estimating the time…")
                                           : m_cost.toHtmlEscaped().replace('\n', "<br>"));
    if (words != m_missing->text()) {
        m_missing->setText(words);
        if (isVisible()) fit();
    }
    const bool possible = why.isEmpty() && m_job == JobId{};
    m_button->setEnabled(possible);
    m_test->setEnabled(possible);
}

QString VerdictsView::missingText() const {
    return m_missing->text();
}

/// Measures what the report will take, once for the same rows, while the page that says it is looked at.
void VerdictsView::forecast() {
    const bool needed =
        isVisible() && !hasFigure() && m_job == JobId{} && whyNot(m_workspace, Feature::Report).isEmpty();
    const std::pair now{m_workspace.state()->trace, m_workspace.model() != nullptr};
    if (!needed || m_measured == now) return;
    m_measured = now;
    m_cost.clear();
    explain();
    m_workspace.jobs().cancel(m_measuring);
    m_measuring = forecastReport(m_workspace, {usualReportFolder(m_workspace), 0, false}, this,
                                 [this, now](const QString& sentences) {
                                     if (m_measured != now) return;
                                     m_cost = sentences;
                                     explain();
                                 });
}

/// The text that is wrapped gets the height it takes.
void VerdictsView::fit() {
    m_missing->setFixedWidth(std::clamp(width() - 2 * margin, leastWidth, textWidth));
    m_missing->setFixedHeight(m_missing->heightForWidth(m_missing->width()));
}

void VerdictsView::resizeEvent(QResizeEvent* event) {
    View::resizeEvent(event);
    fit();
}

void VerdictsView::showEvent(QShowEvent* event) {
    View::showEvent(event);
    fit();
    m_wait->start();
}

void VerdictsView::fill() {
    const QString chosen = m_table->currentItem() != nullptr
                               ? m_table->currentItem()->data(0, Qt::UserRole).toString()
                               : QString();
    m_table->clear();
    m_pages->setCurrentIndex(hasFigure() ? 1 : 0);
    if (!hasFigure()) {
        m_figureWidget->setFigure(nullptr);
        return;
    }
    m_figureWidget->setFigure(std::make_shared<const Figure>(
        figureOfResults(m_results->results, recipeOf(figureView(), m_theme, m_results.get()))));
    for (const Verdict& verdict : m_verdicts) {
        auto* item = new QTreeWidgetItem(m_table);
        for (std::size_t i = 0; i < columns.size(); ++i)
            item->setText(static_cast<int>(i), columns[i].cell(verdict));
        item->setToolTip(0, text(findingText(verdict.key).finding));
        item->setData(0, Qt::UserRole, text(verdict.key));
        if (text(verdict.key) == chosen) m_table->setCurrentItem(item);
    }
    if (m_table->currentItem() == nullptr) m_table->setCurrentItem(m_table->topLevelItem(0));
    m_page->setEnabled(!pageOf(*m_results).isEmpty());
    describe();
}

void VerdictsView::describe() {
    const int row = m_table->indexOfTopLevelItem(m_table->currentItem());
    m_show->setEnabled(row >= 0);
    if (row < 0 || !m_results) return m_sentence->clear();
    const Verdict& verdict = m_verdicts[static_cast<std::size_t>(row)];
    const FindingText& about = findingText(verdict.key);
    m_sentence->setHtml(tr("<b>%1</b> <small>(%2)</small><br>%3")
                            .arg(text(about.finding).toHtmlEscaped(), text(about.statistic).toHtmlEscaped(),
                                 text(sentenceOf(verdict)).toHtmlEscaped()));
}

void VerdictsView::askForReport() {
    if (m_workspace.refuse(tr("Test the findings"), Feature::Report)) return;
    ReportDialog dialog(m_workspace, m_stopped, window());
    if (dialog.exec() == QDialog::Accepted) makeReport(dialog.choice());
}

void VerdictsView::makeReport(const ReportChoice& choice) {
    m_job = rheo::makeReport(m_workspace, choice, drawForPage, [this](const QString& made, bool stopped) {
        m_stopped = stopped ? made : QString();
        if (!stopped) Q_EMIT openRequested(made);
    });
    updateStatus();
}

std::optional<ResultState> VerdictsView::status() const {
    if (m_job != JobId{}) return ResultState{ResultStatus::Running, tr("The findings are being tested"), 0};
    if (!m_stopped.isEmpty())
        return ResultState{
            ResultStatus::Stopped,
            tr("Stopped: %1 holds the finished parts; the report can be continued").arg(m_stopped), 0};
    return std::nullopt;
}

void VerdictsView::updateStatus() {
    const bool running = m_job != JobId{};
    for (auto* button : {m_button, m_again}) button->setEnabled(!running);
    m_button->setText(running               ? tr("Testing…")
                      : m_stopped.isEmpty() ? tr("&Test the findings…")
                                            : tr("&Go on…"));
    explain();
    Q_EMIT statusChanged();
}

QSize VerdictsView::pictureSize() const {
    return m_figureWidget->size();
}

std::shared_ptr<const Figure> VerdictsView::figure() const {
    return hasFigure() ? std::make_shared<const Figure>(m_figureWidget->shown()) : nullptr;
}

Recipe VerdictsView::recipe() const {
    Recipe recipe = recipeOf(figureView(), m_theme, m_results.get());
    if (m_figureWidget->figure() != nullptr)
        recipe.ranges = rangesShown(*m_figureWidget->figure(), m_figureWidget->shown());
    return recipe;
}

}  // namespace rheo
