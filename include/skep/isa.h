// Programs: assembler, disassembler, control flow, BTF. Of what is installed, users include the
// headers of this folder; these include the rest.
#pragma once

#include "isa/asm.h"
#include "isa/btf.h"
#include "isa/btf_format.h"
#include "isa/btf_value.h"
#include "isa/cfg.h"
#include "isa/diagnostic.h"
#include "isa/disasm.h"
