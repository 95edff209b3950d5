#include "tables.h"

static int execute(PyObject *module)
{
    PyObject *tables = PyType_FromModuleAndSpec(module, &tables_spec, NULL);
    PyObject *counter = tables == NULL ? NULL : PyType_FromModuleAndSpec(module, &counter_spec, NULL);
    int failed = counter == NULL || PyObject_SetAttrString(counter, "tables_type", tables) < 0 ||
                 PyModule_AddObjectRef(module, "Tables", tables) < 0 || PyModule_AddObjectRef(module, "Counter", counter) < 0 ||
                 PyModule_AddIntConstant(module, "MOST_TERMS", MOST_TERMS) < 0 ||
                 PyModule_AddIntConstant(module, "MOST_CUTS", MOST_CUTS) < 0;
    Py_XDECREF(tables);
    Py_XDECREF(counter);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_compiled", "The compiled counter, see driftmeter/counts/compiled.py.", 0, NULL, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__compiled(void)
{
    return PyModuleDef_Init(&definition);
}
