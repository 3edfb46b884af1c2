library(lmerTest)
cat("lmerTest", as.character(packageVersion("lmerTest")), "lme4", as.character(packageVersion("lme4")), R.version.string, "\n")
type3 <- function(m) {
  whole <- model.matrix(m); kept <- !is.na(coef(m)); X <- whole[, kept]; attr(X, "assign") <- attr(whole, "assign")[kept]; attr(X, "contrasts") <- attr(whole, "contrasts")
  L <- lmerTest:::extract_contrasts_type3(m, X)
  b <- coef(m)[!is.na(coef(m))]; V <- vcov(m, complete = FALSE)
  for (t in names(L)) { l <- L[[t]]; if (nrow(l) == 0) { cat(t, "-\n"); next }
    e <- l %*% b; f <- drop(t(e) %*% solve(l %*% V %*% t(l), e)) / nrow(l)
    cat(sprintf("%s %d %d %.10f\n", t, nrow(l), df.residual(m), f)) }
}
wave <- function(i) sin(12.9898 * i) + cos(78.233 * i)   # numbers without pattern that any program can make
subjects <- function() {
  d <- expand.grid(k = 1:5, sex = c("F", "M"), group = c("ShA", "LgA", "IntA"))
  d$i <- seq_len(nrow(d)); d$age <- 30 + 5 * wave(2 * d$i + 1); d$y <- wave(d$i) + .5 * (d$group == "LgA") + .02 * d$age
  d$cohort <- factor(c("a", "b", "c")[1 + (d$i * 7) %% 3])
  d
}
d <- subjects(); one <- d[!(d$group == "LgA" & d$sex == "M") & !(d$i %in% c(2, 17)), ]
cat("one missing\n"); type3(lm(y ~ group * sex + age, one))
cat("slopes\n"); type3(lm(y ~ group * sex * age, one))
two <- d[!(d$group == "LgA" & d$cohort == "a") & !(d$group == "IntA" & d$cohort == "b") & !(d$group == "IntA" & d$cohort == "c"), ]
cat("three missing\n"); print(table(two$group, two$cohort)); type3(lm(y ~ group * cohort, two))
three <- d[!(d$group == "LgA" & d$cohort == "a" & d$sex == "M"), ]
cat("three-way\n"); print(table(three$group, three$cohort, three$sex)); type3(lm(y ~ group * cohort * sex, three))
four <- d[!(d$group == "LgA" & d$cohort == "a") & !(d$sex == "F" & d$cohort == "c"), ]
cat("three-way, pairs\n"); print(table(four$group, four$cohort, four$sex)); type3(lm(y ~ group * cohort * sex, four))
cat("nested\n"); type3(lm(y ~ group + group:cohort, two))
long <- do.call(rbind, lapply(c("saline", "food", "cocaine"), function(cue) transform(d, cue = cue)))
long$cue <- factor(long$cue, c("saline", "food", "cocaine")); long$i <- seq_len(nrow(long)); long$subject <- factor(paste0("s", rep(1:30, 3)))
long$y <- wave(long$i) + wave(rep(1:30, 3) + 200) + .4 * (long$cue == "food")
mixed <- long[!(long$group == "ShA" & long$cue == "cocaine") & !(long$i %in% c(5, 40)), ]
mixed <- droplevels(mixed)
m <- lmer(y ~ group * cue + (1 | subject), mixed, control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14)))
cat("mixed\n"); print(anova(m), digits = 10); cat(sprintf("%.8f\n", anova(m)$"F value")); cat(sprintf("%.8f\n", anova(m)$DenDF))
kr <- try(anova(m, ddf = "Kenward-Roger")); if (!inherits(kr, "try-error")) { print(kr); cat(sprintf("%.8f\n", kr$"F value")); cat(sprintf("%.8f\n", kr$DenDF)) }
mixed2 <- droplevels(long[!(long$group == "ShA" & long$cue == "cocaine") & !(long$group == "LgA" & long$sex == "M") & !(long$i %in% c(5, 40)), ])
m <- lmer(y ~ group * cue * sex + age + (1 | subject), mixed2, control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14)))
cat("mixed2\n"); print(anova(m), digits = 10); cat(sprintf("%.8f\n", anova(m)$"F value")); cat(sprintf("%.8f\n", anova(m)$DenDF))
# strata: scores of 2 conditions
w <- droplevels(long[long$cue != "cocaine" & !(long$group == "LgA" & long$sex == "M"), ])
a <- w[w$cue == "saline", ]; b <- w[w$cue == "food", ]
cat("strata between\n"); a$m <- (a$y + b$y) / 2; type3(lm(m ~ group * sex + age, a))
cat("strata cue\n"); a$dd <- (a$y - b$y); mm <- lm(dd ~ group * sex, a); type3(mm)
