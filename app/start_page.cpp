#include "app/start_page.h"

#include <QFileInfo>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/open_document.h"

namespace rheo {

namespace {

constexpr int columnWidth = 360;
constexpr qsizetype shownRecent = 5;

/// Of this width, and as high as it then needs to be.
QLabel* textOf(const QString& html, int width = columnWidth) {
    auto* label = new QLabel(html);
    label->setWordWrap(true);
    label->setFixedWidth(width);
    label->setMinimumHeight(label->heightForWidth(width));
    return label;
}

template <class Receiver, class Signal>
QPushButton* addButton(QVBoxLayout* layout, const QString& text, Receiver* receiver, Signal signal) {
    auto* button = new QPushButton(text);
    button->setMinimumSize(320, 40);
    QObject::connect(button, &QPushButton::clicked, receiver, signal);
    layout->addWidget(button, 0, Qt::AlignHCenter);
    return button;
}

void clear(QLayout* layout) {
    while (QLayoutItem* item = layout->takeAt(0)) {
        if (item->layout() != nullptr) clear(item->layout());
        delete item->widget();
        delete item;
    }
}

/// "300 rows and 2 teleports of Emma.txt, kept at 14:03".
QString describe(const LostSession& lost) {
    QStringList parts;
    if (lost.rows != 0)
        parts << (lost.rows < 0 ? StartPage::tr("the rows of a trace")
                                : counted(static_cast<int>(lost.rows), StartPage::tr("1 row"),
                                          StartPage::tr("%1 rows")));
    if (lost.teleports > 0)
        parts << counted(static_cast<int>(lost.teleports), StartPage::tr("1 teleport"),
                         StartPage::tr("%1 teleports"));
    QString text = parts.join(StartPage::tr(" and "));
    if (!lost.title.isEmpty()) text += StartPage::tr(" (%1)").arg(lost.title);
    const QDateTime time = lost.saved.toLocalTime();
    return StartPage::tr("%1, kept at %2")
        .arg(text, time.date() == QDate::currentDate() ? QLocale().toString(time.time(), QLocale::ShortFormat)
                                                       : QLocale().toString(time, QLocale::ShortFormat));
}

}  // namespace

StartPage::StartPage(QWidget* parent) : QScrollArea(parent), m_lost(new QFrame), m_recent(new QWidget) {
    setFrameShape(QFrame::NoFrame);
    setWidgetResizable(true);
    setWidget(new QWidget);
    auto* layout = new QVBoxLayout(widget());
    layout->addStretch(2);
    layout->addWidget(new QLabel(tr("<h1>Watch a residual stream move</h1>")), 0, Qt::AlignHCenter);
    static_cast<QFrame*>(m_lost)->setFrameShape(QFrame::StyledPanel);
    m_lost->setFixedWidth(columnWidth + 60);
    m_lostLayout = new QVBoxLayout(m_lost);
    m_lost->hide();
    layout->addWidget(m_lost, 0, Qt::AlignHCenter);
    layout->addWidget(
        textOf(tr(
            "Each token of a language model is a point that moves from block to block. Open something to see "
            "how.<br><br><b>New here?</b> The demo is a small model that has read 300 passages from two "
            "novels, and every analysis of them. The guided tour shows ten findings on it, one by one.")),
        0, Qt::AlignHCenter);
    layout->addSpacing(18);
    m_tour = addButton(layout, {}, this, &StartPage::tourRequested);
    m_tour->setDefault(true);
    setTourStep(0);
    addButton(layout, tr("Open the demo"), this, &StartPage::demoRequested);
    addButton(layout, tr("Open a published model: SmolLM2-135M"), this, &StartPage::publishedRequested);
    addButton(layout, tr("Open a model…"), this, &StartPage::modelRequested);
    addButton(layout, tr("Open a session, a trace or results…"), this, &StartPage::fileRequested);
    auto* drop = new QLabel(tr("or drop a folder or a file here"));
    drop->setForegroundRole(QPalette::PlaceholderText);
    layout->addWidget(drop, 0, Qt::AlignHCenter);
    m_recentLayout = new QVBoxLayout(m_recent);
    m_recent->setFixedWidth(columnWidth);
    m_recent->hide();
    layout->addSpacing(12);
    layout->addWidget(m_recent, 0, Qt::AlignHCenter);
    layout->addStretch(3);
}

void StartPage::setTourStep(int step) {
    m_tour->setText(step > 0 ? tr("Continue the guided tour (step %1)").arg(step + 1)
                             : tr("Take the guided tour"));
}

void StartPage::setRecent(const QStringList& paths) {
    clear(m_recentLayout);
    m_recent->setVisible(!paths.isEmpty());
    if (paths.isEmpty()) return;
    m_recentLayout->setContentsMargins(0, 0, 0, 0);
    m_recentLayout->setSpacing(2);
    m_recentLayout->addWidget(new QLabel(tr("<b>Opened last</b>")));
    for (const QString& path : paths.mid(0, shownRecent)) {
        auto* button = new QPushButton(QFileInfo(titleOfPath(path)).fileName());
        button->setFlat(true);
        button->setCursor(Qt::PointingHandCursor);
        button->setToolTip(path);
        button->setStyleSheet(QStringLiteral("text-align: left; padding: 3px 6px;"));
        connect(button, &QPushButton::clicked, this, [this, path] { Q_EMIT pathRequested(path); });
        m_recentLayout->addWidget(button);
    }
}

void StartPage::setLost(const QList<LostSession>& lost) {
    clear(m_lostLayout);
    m_lost->setVisible(!lost.isEmpty());
    if (lost.isEmpty()) return;
    m_lostLayout->addWidget(
        textOf(tr("<b>Rheograph ended unexpectedly.</b> These unsaved sessions can be restored:"),
               columnWidth + 30));
    for (const LostSession& one : lost.mid(0, 3)) {
        auto* text = textOf(describe(one).toHtmlEscaped(), columnWidth - 150);
        auto* recover = new QPushButton(tr("Recover"));
        auto* discard = new QPushButton(tr("Discard"));
        recover->setToolTip(tr("Open it as it was; then save it"));
        discard->setToolTip(tr("Delete it for good"));
        connect(recover, &QPushButton::clicked, this,
                [this, folder = one.folder] { Q_EMIT recoverRequested(folder); });
        connect(discard, &QPushButton::clicked, this,
                [this, folder = one.folder] { Q_EMIT discardRequested(folder); });
        auto* line = new QHBoxLayout;
        line->addWidget(text);
        line->addStretch();
        line->addWidget(recover);
        line->addWidget(discard);
        m_lostLayout->addLayout(line);
    }
}

ModelPage::ModelPage(QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->addStretch(2);
    layout->addWidget(textOf(tr("<h2>The model is open</h2>Give it prompts: the last token of each prompt "
                                "becomes a trajectory, and the first figure appears by itself.")),
                      0, Qt::AlignHCenter);
    layout->addSpacing(14);
    addButton(layout, tr("Type a prompt… (Ctrl+N)"), this, &ModelPage::promptRequested);
    addButton(layout, tr("Load prompts from a file…"), this, &ModelPage::fileRequested);
    addButton(layout, tr("Use 200 of the shipped passages"), this, &ModelPage::shippedRequested);
    layout->addStretch(3);
}

}  // namespace rheo
