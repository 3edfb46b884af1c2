# Reference values for stats/strata*, stats/missing and stats/strata_means; run in this folder: Rscript reference.R
# 14 subjects in three groups of 6, 5 and 3; cue (2) and dose (3) within subjects; age per subject; three responses,
# each with a covariate x of its own per observation. Errors of a response differ between cells (no sphericity).
suppressPackageStartupMessages(library(emmeans))
options(contrasts = c("contr.sum", "contr.poly"), width = 200)
set.seed(20260101)
group <- factor(rep(c("ShA", "LgA", "naive"), c(6, 5, 3)), levels = c("ShA", "LgA", "naive"))
cells <- expand.grid(dose = c("low", "mid", "high"), cue = c("saline", "naloxone"), stringsAsFactors = FALSE)[, 2:1]
d <- do.call(rbind, lapply(1:14, function(s) data.frame(subject = sprintf("s%02d", s), group = group[s], cells)))
d$age <- rep(round(rnorm(14, 90, 8), 2), each = 6)
for (v in 1:3) {
  x <- rnorm(14)[rep(1:14, each = 6)] + rnorm(84)
  y <- rnorm(14)[rep(1:14, each = 6)] + rnorm(84) * rep(c(1, .6, 1.4, 1, 2, .8), 14) + 0.5 * x + 0.02 * d$age +
    (d$dose == "high") * (d$group == "LgA")
  d[[paste0("x", v)]] <- round(x, 6)
  d[[paste0("y", v)]] <- round(y, 6)
}
write.table(d, "table.tsv", sep = "\t", quote = FALSE, row.names = FALSE)
out <- function(rows, name) {
  rows <- do.call(rbind, rows)
  numbers <- sapply(rows, is.numeric)
  rows[numbers] <- lapply(rows[numbers], function(v) trimws(formatC(v, digits = 15, format = "g")))
  write.table(rows, name, sep = "\t", quote = FALSE, row.names = FALSE)
}

# aov with error strata: the last term of a stratum is adjusted for all others, whatever the group sizes
last <- list()
for (v in 1:3) {
  d$y <- d[[paste0("y", v)]]; d$x <- d[[paste0("x", v)]]
  for (lacking in c("none", "s03 s09")) {
    own <- d[!d$subject %in% strsplit(lacking, " ")[[1]], ]
    for (f in c("subject", "cue", "dose")) own[[f]] <- factor(own[[f]], levels = unique(own[[f]]))
    orders <- list(x = y ~ group * cue * dose + age + x + Error(subject / (cue * dose)),
                   group = y ~ age + x + cue * dose + cue * dose * group + Error(subject / (cue * dose)))
    for (which in names(orders)) {
      for (stratum in summary(aov(orders[[which]], own))) {
        t <- stratum[[1]]
        terms <- trimws(rownames(t)); n <- nrow(t)
        # of the interactions with group, and of the slopes, the one that comes last in its stratum
        last[[length(last) + 1]] <- data.frame(
          response = v, lacking = lacking, term = terms[n - 1], df1 = t$Df[n - 1], df2 = t$Df[n], F = t$F[n - 1], p = t$`Pr(>F)`[n - 1])
      }
    }
  }
}
out(last, "last_terms.tsv")

# marginal means and comparisons of the multivariate model, as emmeans takes them after afex (model = "multivariate")
means <- pairs <- list()
levels <- list(dose = unique(d$dose), cue = unique(d$cue))
for (v in 1:3) {
  y <- matrix(d[[paste0("y", v)]], ncol = 6, byrow = TRUE)
  between <- d[seq(1, 84, 6), c("group", "age")]
  fit <- lm(y ~ group + age, between)
  grid <- ref_grid(fit, mult.levs = levels)
  m <- as.data.frame(confint(emmeans(grid, ~ group * dose)))
  means[[v]] <- data.frame(response = v, group = m$group, dose = m$dose, mean = m$emmean, se = m$SE, df = m$df,
                           low = m$lower.CL, high = m$upper.CL)
  for (family in c("dose|group", "group|cue")) {
    what <- as.formula(paste("~", sub("\\|", " | ", family)))
    for (adjust in c("none", "holm", "bonferroni", "tukey")) {
      p <- as.data.frame(pairs(emmeans(grid, what), adjust = adjust))
      low <- as.data.frame(confint(pairs(emmeans(grid, what), adjust = if (adjust == "holm") "bonferroni" else adjust)))
      pairs[[length(pairs) + 1]] <- data.frame(
        response = v, families = family, adjust = adjust, by = as.character(p[[2]]), contrast = as.character(p[[1]]),
        estimate = p$estimate, se = p$SE, df = p$df, t = p$t.ratio, p = p$p.value, low = low$lower.CL, high = low$upper.CL)
    }
    set.seed(1)
    p <- as.data.frame(contrast(emmeans(grid, what), "trt.vs.ctrl", adjust = "mvt"))
    pairs[[length(pairs) + 1]] <- data.frame(
      response = v, families = family, adjust = "dunnett", by = as.character(p[[2]]), contrast = as.character(p[[1]]),
      estimate = p$estimate, se = p$SE, df = p$df, t = p$t.ratio, p = p$p.value, low = NA, high = NA)
  }
}
out(means, "means.tsv")
out(pairs, "pairs.tsv")
out(list(data.frame(program = c("R", "emmeans"), version = c(as.character(getRversion()), as.character(packageVersion("emmeans"))))),
    "versions.tsv")
