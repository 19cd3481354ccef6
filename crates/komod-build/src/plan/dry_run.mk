# Read by make -n in place of one of kbuild's makefiles, $(komod-makefile). Each command that kbuild
# would run is printed, as a line "komod:step:TARGET<tab>NAME<tab>SOURCE<tab>COMMAND", and no more.
$(info komod:begin)
include $(komod-makefile)
komod-tab := $(subst x,	,x)
komod-step = $(info komod:step:$@$(komod-tab)$(1)$(komod-tab)$<$(komod-tab)$(cmd_$(1)))
build := -f $(komod-dry-run) obj
newer-prereqs := all
cmd = $(if $(cmd_$(1)),$(komod-step))
cmd_and_savecmd = $(komod-step)
cmd_and_fixdep = $(komod-step)
if_changed = $(komod-step)
if_changed_dep = $(komod-step)
if_changed_except = $(komod-step)
if_changed_rule = $(rule_$(1))
filechk = $(info komod:step:$@$(komod-tab)filechk)
ifdef komod-made
include $(komod-made)
endif
$(info komod:modules:$(filter %.o,$(obj-m)))
$(info komod:makefiles:$(MAKEFILE_LIST))
$(info komod:parsed)
